import { readFileSync } from 'node:fs';
import { makeSample } from '@streampool/testkit';
import { stage } from './chain-stage.ts';

let media: Buffer;

beforeAll(async () => {
  media = readFileSync((await makeSample({ seconds: 3, gopSeconds: 1 })).path);
});

const MINUTE = 60_000;

/** On its first alternative, for good reasons. */
async function onAlternative(policy = {}, choice?: NonNullable<Parameters<typeof stage>[0]>['choice']) {
  const it = stage({
    policy: { failbackAfterMs: MINUTE, probationMs: 5_000, startMs: 9_000, ...policy },
    ...(choice && { choice }),
  });
  it.chain.start();
  it.last.play();
  it.last.fail('UPSTREAM_TIMEOUT');
  await it.clock.advance(0);
  it.last.play();
  return it;
}

test('off by default: an alternative plays on', async () => {
  const it = await onAlternative({ failbackAfterMs: undefined });
  await it.clock.advance(600 * MINUTE);
  expect(it.opened).toEqual([0, 1]);
});

test('the primary is opened beside, has to show pictures for a while, and takes over then', async () => {
  const it = await onAlternative();
  await it.clock.advance(MINUTE - 1);
  expect(it.opened).toEqual([0, 1]);
  await it.clock.advance(1);
  expect(it.opened).toEqual([0, 1, 0]);
  const primary = it.last;
  primary.sink.data(media);
  await it.clock.advance(4_900);
  primary.sink.data(media);
  expect(it.chain.index).toBe(1);
  expect(it.open).toHaveLength(2);
  await it.clock.advance(200);
  primary.sink.data(media);
  // On probation until here; what comes now goes out.
  primary.sink.data(media);
  expect(it.chain.index).toBe(0);
  expect(it.open).toEqual([primary]);
  expect(it.log.at(-1)).toBe('0 after FAILBACK');
  await it.clock.advance(600 * MINUTE);
  expect(it.opened).toEqual([0, 1, 0]);
});

test('a primary that sends bytes but no pictures does not come back, and is asked less and less often', async () => {
  const it = await onAlternative({ stallMs: 3_000 });
  const tried: number[] = [];
  let known = it.sources.length;
  for (let second = 0; second < 16 * 60; second += 1) {
    await it.clock.advance(1_000);
    it.sources[1]?.play();
    if (it.sources.length > known) {
      known = it.sources.length;
      tried.push(second);
    }
    if (!it.last.closed && it.last.attempt.index === 0) it.last.sink.data(Buffer.alloc(188 * 20, 0x47));
  }
  expect(it.chain.index).toBe(1);
  const pauses = tried.slice(1).map((at, i) => Math.round((at - (tried[i] ?? 0)) / 60));
  expect(pauses).toEqual([2, 4, 8]);
  expect(it.log).toEqual(['lost UPSTREAM_TIMEOUT', '1 after UPSTREAM_TIMEOUT']);
});

test('a primary that fails soon after it came back makes way at once for what played before', async () => {
  const it = await onAlternative();
  await it.clock.advance(MINUTE);
  it.last.sink.data(media);
  await it.clock.advance(5_100);
  it.last.sink.data(media);
  it.last.sink.data(media);
  expect(it.chain.index).toBe(0);
  await it.clock.advance(3_000);
  it.last.fail('UPSTREAM_CUT');
  await it.clock.advance(0);
  expect(it.opened).toEqual([0, 1, 0, 1]);
  it.last.play();
  await it.clock.advance(2 * MINUTE - 1);
  expect(it.opened).toHaveLength(4);
  await it.clock.advance(1);
  expect(it.opened).toHaveLength(5);
});

test('the provider has no connection to spare: what plays is not given up for it', async () => {
  const it = await onAlternative();
  await it.clock.advance(MINUTE);
  it.last.fail('PROVIDER_LIMIT');
  await it.clock.advance(0);
  expect(it.open.map(({ attempt }) => attempt.index)).toEqual([1]);
  expect(it.chain.isSwitching).toBe(false);
});

test('it is not tried while its breaker is open, nor by a node that only relays', async () => {
  let waitMs = 3 * MINUTE;
  let isOurs = true;
  const it = await onAlternative({}, { waitMs: (index) => (index === 0 ? waitMs : 0), isOurs: () => isOurs });
  // It began with the alternative, since the primary was known to be bad.
  expect(it.opened[0]).toBe(1);
  await it.clock.advance(10 * MINUTE);
  expect(it.opened.filter((index) => index === 0)).toEqual([]);
  waitMs = 0;
  isOurs = false;
  await it.clock.advance(10 * MINUTE);
  expect(it.opened.filter((index) => index === 0)).toEqual([]);
  isOurs = true;
  await it.clock.advance(MINUTE);
  expect(it.opened.filter((index) => index === 0)).toEqual([0]);
});

test('an alternative that is lost while the primary is on probation has nobody to wait for', async () => {
  const it = await onAlternative();
  await it.clock.advance(MINUTE);
  const [, alternative, primary] = it.sources;
  primary!.sink.data(media);
  alternative!.fail('UPSTREAM_CUT');
  await it.clock.advance(100);
  primary!.sink.data(media);
  expect(it.chain.index).toBe(0);
  expect(it.chain.isSwitching).toBe(false);
});

test('closed, it tries nothing any more', async () => {
  const it = await onAlternative();
  await it.chain.close();
  expect(it.clock.pending).toBe(0);
});
