import type { HlsAnswer } from '@streampool/hls';
import { EdgeCache } from '../../src/body/edge-cache.ts';
import { GrowingBody } from '../../src/body/growing-body.ts';

const answer = (body: HlsAnswer['body'], maxAgeMs = 1_000): HlsAnswer => ({
  ...{ status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs },
  body,
});

function cacheOf(budgetBytes: number) {
  let nowMs = 0;
  const cache = new EdgeCache({ budgetBytes, now: () => nowMs });
  return { cache, pass: (ms: number) => (nowMs += ms) };
}

test('what was used longest ago makes room', () => {
  const { cache } = cacheOf(250);
  for (const key of ['a', 'b']) cache.put(key, answer(Buffer.alloc(100)));
  expect(cache.get('a')).toBeDefined();
  cache.put('c', answer(Buffer.alloc(100)));
  expect([cache.get('a'), cache.get('b'), cache.get('c')].map((it) => it !== undefined)).toEqual([
    ...[true, false, true],
  ]);
  expect(cache.bytes).toBe(200);
});

test('what is old is given only to those who have nothing better', () => {
  const { cache, pass } = cacheOf(1_000);
  cache.put('a', answer(Buffer.from('x'), 500));
  pass(500);
  expect(cache.get('a')).toBeUndefined();
  expect(cache.get('a', { stale: true })).toBeDefined();
});

test('a body that grows is counted, and let go of where it would push out everything else', async () => {
  const { cache } = cacheOf(1_000);
  const body: GrowingBody = new GrowingBody({ onGrow: (bytes) => cache.grew('film', body, bytes) });
  cache.put('channel', answer(Buffer.alloc(100)));
  cache.put('film', answer(body));
  const reading = body.open();
  const first = reading.next();
  await body.push(Buffer.alloc(200));
  await first;
  expect(cache.bytes).toBe(300);
  await body.push(Buffer.alloc(100));
  expect(cache.bytes).toBe(100);
  expect(cache.get('film')).toBeUndefined();
  expect((await reading.next()).value).toHaveLength(100);
});

test('what has broken off is never given out, and is not whole', async () => {
  const { cache } = cacheOf(1_000);
  const body: GrowingBody = new GrowingBody({ onGrow: (bytes) => cache.grew('a', body, bytes) });
  cache.put('a', answer(body));
  await body.push(Buffer.alloc(10));
  expect(cache.hasWhole('a')).toBe(false);
  body.fail(new Error('cut'));
  expect(cache.get('a', { stale: true })).toBeUndefined();
  expect(cache.bytes).toBe(0);
});

test('what still comes in makes room last, and is not kept whole where nobody counts it any more', async () => {
  const { cache } = cacheOf(1_000);
  const growing = (key: string): GrowingBody => {
    const body: GrowingBody = new GrowingBody({ onGrow: (bytes) => cache.grew(key, body, bytes) });
    cache.put(key, answer(body));
    return body;
  };
  const segment = growing('segment');
  await segment.push(Buffer.alloc(200));
  const reading = segment.open();
  expect((await reading.next()).value).toHaveLength(200);
  for (const key of ['a', 'b', 'c', 'd']) cache.put(key, answer(Buffer.alloc(250)));
  expect(['segment', 'a', 'd'].map((key) => cache.get(key) !== undefined)).toEqual([true, false, true]);
  const others = ['e', 'f', 'g', 'h'].map(growing);
  for (const other of others) await other.push(Buffer.alloc(240));
  expect(cache.get('segment')).toBeUndefined();
  expect(cache.bytes).toBe(960);
  // From now on it comes no faster than it is read.
  const large = Buffer.alloc(3 * 1024 * 1024);
  let hasRoom = false;
  const pushed = segment.push(large).then(() => {
    hasRoom = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(hasRoom).toBe(false);
  expect((await reading.next()).value).toBe(large);
  void reading.next();
  await pushed;
});
