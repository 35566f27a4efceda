import { StreampoolError } from '@streampool/errors';
import { DEFAULT_CHAIN_POLICY } from '../src/chain-options.ts';
import type { Source, SourceSink } from '../src/source.ts';
import { SourceChain } from '../src/source-chain.ts';
import { ManualClock, settle } from './manual-clock.ts';

class FakeSource implements Source {
  readonly kind = 'upstream';
  sink!: SourceSink;
  closed = false;
  paused = false;
  starved = false;
  readonly index: number;
  #release: (() => void) | undefined;
  readonly #slowClose: boolean;

  constructor(index: number, slowClose: boolean) {
    this.index = index;
    this.#slowClose = slowClose;
  }
  start(sink: SourceSink) {
    this.sink = sink;
  }
  pause() {
    this.paused = true;
  }
  resume() {
    this.paused = false;
  }
  close(): Promise<void> {
    this.closed = true;
    if (!this.#slowClose) return Promise.resolve();
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }
  releaseClose() {
    this.#release?.();
  }
}

function setup({ alternatives = 1, slowClose = false, policy = {} } = {}) {
  const clock = new ManualClock();
  const sources: FakeSource[] = [];
  const log: string[] = [];
  const chain: SourceChain = new SourceChain({
    alternatives,
    clock,
    random: () => 0,
    policy: { ...DEFAULT_CHAIN_POLICY, ...policy },
    open: ({ index }) => {
      const source = new FakeSource(index, slowClose);
      sources.push(source);
      return source;
    },
    events: {
      lane: ({ tookOver }) => {
        const name = sources.length;
        if (name > 0) log.push('next');
        let isOut = false;
        return {
          data: (chunk) => {
            const text = chunk.toString();
            // A lane that has no access point yet does not take over from one that goes out.
            if (!isOut && text !== 'no picture yet') {
              isOut = true;
              tookOver();
            }
            log.push(`data ${text}`);
            if (isOut && text !== 'null packets') chain.noteAccessPoint();
          },
          end: () => {},
          close: () => {},
        };
      },
      progress: () => log.push('progress'),
      lost: (error) => log.push(`lost ${error.code}`),
      recovered: ({ index, sourceGapMs, reason }) =>
        log.push(reason === 'wanted' ? `switched to ${index}` : `recovered ${index} after ${sourceGapMs}`),
      ended: () => log.push('ended'),
      failed: (error) => log.push(`failed ${error.code}`),
    },
  });
  chain.start();
  return { clock, sources, log, chain };
}

const cut = () => new StreampoolError('UPSTREAM_CUT', 'cut');

test('a source that is cut is tried again by itself at once, then the next alternative', async () => {
  const { clock, sources, log } = setup({ alternatives: 2 });
  sources[0]!.sink.data(Buffer.from('a'));
  await clock.advance(100);
  sources[0]!.sink.end(cut());
  await clock.advance(0);
  expect(sources.map((source) => source.index)).toEqual([0, 0]);
  sources[1]!.sink.end(new StreampoolError('UPSTREAM_CONNECT_FAILED', 'refused'));
  await clock.advance(0);
  expect(sources.map((source) => source.index)).toEqual([0, 0, 1]);
  sources[2]!.sink.data(Buffer.from('b'));
  expect(log).toEqual([
    'data a',
    'lost UPSTREAM_CUT',
    'next',
    'lost UPSTREAM_CONNECT_FAILED',
    'next',
    'recovered 1 after 100',
    'data b',
  ]);
});

test('the next source is opened only when the old one is really gone', async () => {
  const { clock, sources } = setup({ slowClose: true });
  sources[0]!.sink.data(Buffer.from('a'));
  sources[0]!.sink.end(cut());
  await clock.advance(5_000);
  expect(sources.length).toBe(1);
  sources[0]!.releaseClose();
  await settle();
  expect(sources.length).toBe(2);
});

test('silence is a loss, after the start as after the first byte', async () => {
  const { clock, sources, log } = setup({ policy: { startMs: 10_000, stallMs: 3_000 } });
  await clock.advance(9_900);
  sources[0]!.sink.data(Buffer.from('a'));
  await clock.advance(2_900);
  sources[0]!.sink.data(Buffer.from('b'));
  await clock.advance(2_900);
  expect(sources.length).toBe(1);
  await clock.advance(200);
  expect(log.at(-2)).toBe('lost UPSTREAM_TIMEOUT');
  expect(sources.length).toBe(2);
});

test('a starved or paused source is not blamed for silence', async () => {
  const { clock, sources, chain } = setup();
  sources[0]!.sink.data(Buffer.from('a'));
  sources[0]!.starved = true;
  await clock.advance(20_000);
  expect(sources.length).toBe(1);
  sources[0]!.starved = false;
  chain.pause();
  await clock.advance(20_000);
  expect(sources.length).toBe(1);
  chain.resume();
  await clock.advance(6_100);
  expect(sources.length).toBe(2);
});

test('what never started fails after one pass over the alternatives', async () => {
  const { clock, sources, log } = setup({ alternatives: 3 });
  for (let i = 0; i < 3; i += 1) {
    sources[i]!.sink.end(new StreampoolError('UPSTREAM_STATUS', '404'));
    await clock.advance(5_000);
  }
  expect(sources.map((source) => source.index)).toEqual([0, 1, 2]);
  expect(log.filter((line) => line !== 'next')).toEqual(['failed STREAM_FAILED']);
  expect(clock.pending).toBe(0);
});

test('what was live fails only after many attempts, and stable running clears the record', async () => {
  const { clock, sources, log } = setup({ policy: { maxAttempts: 3, stableMs: 30_000, stallMs: 1_000_000 } });
  sources[0]!.sink.data(Buffer.from('a'));
  await clock.advance(31_000);
  sources[0]!.sink.end(cut());
  await clock.advance(10_000);
  sources[1]!.sink.end(cut());
  await clock.advance(10_000);
  sources[2]!.sink.data(Buffer.from('b'));
  await clock.advance(31_000);
  for (let i = 2; i < 5; i += 1) {
    sources[i]!.sink.end(cut());
    await clock.advance(10_000);
  }
  expect(sources.length).toBe(5);
  expect(log.at(-1)).toBe('failed STREAM_FAILED');
});

test('a superseded source can do nothing', async () => {
  const { clock, sources, log } = setup();
  const [first] = sources;
  first!.sink.data(Buffer.from('a'));
  first!.sink.end(cut());
  await clock.advance(0);
  const before = log.length;
  first!.sink.data(Buffer.from('stale'));
  first!.sink.end(cut());
  first!.sink.end();
  expect(log.length).toBe(before);
  expect(sources.length).toBe(2);
});

test('a complete source ends the chain; closing is idempotent and leaves no timer', async () => {
  const { clock, sources, log, chain } = setup();
  sources[0]!.sink.data(Buffer.from('a'));
  sources[0]!.sink.end();
  expect(log.at(-1)).toBe('ended');
  await chain.close();
  await chain.close();
  expect(sources[0]!.closed).toBe(true);
  expect(clock.pending).toBe(0);
});

test('bytes without an access point are a loss, and no life to be trusted', async () => {
  const { clock, sources, log } = setup({
    policy: { accessPointMs: 10_000, stableMs: 5_000, maxAttempts: 3 },
  });
  sources[0]!.sink.data(Buffer.from('a'));
  sources[0]!.sink.end(cut());
  for (let second = 0; second < 40; second += 1) {
    await clock.advance(1_000);
    if (!sources.at(-1)!.closed) sources.at(-1)!.sink.data(Buffer.from('null packets'));
  }
  expect(sources.length).toBe(3);
  expect(log.filter((entry) => !entry.startsWith('data') && entry !== 'next')).toEqual([
    'lost UPSTREAM_CUT',
    'recovered 0 after 1000',
    'lost STREAM_START_TIMEOUT',
    expect.stringMatching(/^recovered/),
    'failed STREAM_FAILED',
  ]);
});

const wanted = { reason: 'wanted' };

test('a source is replaced without a gap: the other one plays before the first is closed', async () => {
  const { sources, log, chain } = setup({ alternatives: 2 });
  sources[0]!.sink.data(Buffer.from('a'));
  const replaced = chain.replace({ ...wanted, index: 1 });
  sources[1]!.sink.data(Buffer.from('no picture yet'));
  sources[0]!.sink.data(Buffer.from('b'));
  expect(sources[0]!.closed).toBe(false);
  sources[1]!.sink.data(Buffer.from('c'));
  await replaced;
  expect(sources.map(({ closed }) => closed)).toEqual([true, false]);
  sources[0]!.sink.data(Buffer.from('too late'));
  expect(chain.index).toBe(1);
  expect(log.slice(1)).toEqual(['next', 'data no picture yet', 'data b', 'switched to 1', 'data c']);
});

test('what plays may be held back, what is to replace it is not: it could never get ready', async () => {
  const { sources, chain } = setup({ alternatives: 2 });
  sources[0]!.sink.data(Buffer.from('a'));
  chain.pause();
  const replaced = chain.replace({ ...wanted, index: 1 });
  expect(sources.map(({ paused }) => paused)).toEqual([true, false]);
  chain.resume();
  chain.pause();
  expect(sources.map(({ paused }) => paused)).toEqual([true, false]);
  sources[1]!.sink.data(Buffer.from('b'));
  await replaced;
  expect(sources[1]!.paused).toBe(true);
  chain.resume();
  expect(sources[1]!.paused).toBe(false);
  // Nothing else is left to play: then it is the one that is held back.
  const other = chain.replace({ ...wanted, index: 0 });
  chain.pause();
  sources[1]!.sink.end(new StreampoolError('UPSTREAM_CUT', 'cut'));
  await other;
  expect(sources[2]!.paused).toBe(true);
});

test('a replacement that fails, or is silent, changes nothing', async () => {
  const { clock, sources, log, chain } = setup({
    alternatives: 2,
    policy: { startMs: 5_000, stallMs: 60_000 },
  });
  sources[0]!.sink.data(Buffer.from('a'));
  const refused = chain.replace({ ...wanted, index: 1 });
  sources[1]!.sink.end(new StreampoolError('UPSTREAM_STATUS', '404'));
  await expect(refused).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  const silent = chain.replace({ ...wanted, index: 1 });
  const outcome = expect(silent).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  await clock.advance(5_000);
  await outcome;
  sources[0]!.sink.data(Buffer.from('b'));
  expect(sources.map(({ closed }) => closed)).toEqual([false, true, true]);
  expect(log.filter((line) => line.startsWith('data'))).toEqual(['data a', 'data b']);
  expect(chain.index).toBe(0);
});

test('a later replacement takes the place of an earlier one', async () => {
  const { sources, chain } = setup({ alternatives: 3 });
  sources[0]!.sink.data(Buffer.from('a'));
  const first = chain.replace({ ...wanted, index: 1 });
  const second = chain.replace({ ...wanted, index: 2 });
  await expect(first).rejects.toMatchObject({ code: 'SWITCH_SUPERSEDED' });
  sources[2]!.sink.data(Buffer.from('c'));
  await second;
  expect(sources.map(({ closed }) => closed)).toEqual([true, true, false]);
});

test('the source is lost while another one gets ready: that one is the next attempt', async () => {
  const { clock, sources, log, chain } = setup({ alternatives: 2 });
  sources[0]!.sink.data(Buffer.from('a'));
  const replaced = chain.replace({ ...wanted, index: 1 });
  await clock.advance(100);
  sources[0]!.sink.end(cut());
  await replaced;
  expect(chain.isSwitching).toBe(true);
  await clock.advance(400);
  expect(sources.length).toBe(2);
  sources[1]!.sink.data(Buffer.from('b'));
  expect(log).toEqual(['data a', 'next', 'lost UPSTREAM_CUT', 'recovered 1 after 500', 'data b']);
});

test('while nothing plays a replacement does not wait for the next attempt', async () => {
  const { clock, sources, chain } = setup({ alternatives: 2 });
  sources[0]!.sink.data(Buffer.from('a'));
  sources[0]!.sink.end(cut());
  await chain.replace({ ...wanted, index: 1 });
  await clock.advance(60_000);
  expect(sources.map(({ index }) => index).slice(0, 2)).toEqual([0, 1]);
});

test('closed, a chain closes both, and whoever asked for the switch is told', async () => {
  const { sources, chain } = setup();
  sources[0]!.sink.data(Buffer.from('a'));
  const replaced = chain.replace(wanted);
  const outcome = expect(replaced).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
  await chain.close();
  await outcome;
  expect(sources.every(({ closed }) => closed)).toBe(true);
  await expect(chain.replace(wanted)).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
});

test('nodes that change say nothing of the provider: they are followed at once, and never exhaust the hope', async () => {
  const { clock, sources, log } = setup({ alternatives: 2, policy: { maxAttempts: 3, stableMs: 60_000 } });
  for (let kill = 0; kill < 10; kill += 1) {
    sources[kill]!.sink.data(Buffer.from('a'));
    await clock.advance(1_500);
    sources[kill]!.sink.end(new StreampoolError('RELAY_LOST', 'the owner has died'));
    await clock.advance(0);
    expect(sources.length).toBe(kill + 2);
  }
  expect(sources.every(({ index }) => index === 0)).toBe(true);
  expect(log.some((line) => line.startsWith('failed'))).toBe(false);
});

test('nodes that come and go at once are given a pause', async () => {
  const { clock, sources } = setup();
  for (let i = 0; i < 2; i += 1) {
    sources[i]!.sink.data(Buffer.from('a'));
    sources[i]!.sink.end(new StreampoolError('RELAY_LOST', 'cut'));
    await clock.advance(0);
  }
  expect(sources.length).toBe(2);
  await clock.advance(100);
  expect(sources.length).toBe(3);
});
