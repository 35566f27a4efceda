import { readFileSync } from 'node:fs';
import { StreampoolError } from '@streampool/errors';
import { TsScanner } from '@streampool/mpegts';
import { makeSample } from '@streampool/testkit';
import { DEFAULT_CHAIN_POLICY } from '../src/chain-options.ts';
import { DeliveryClock } from '../src/delivery-clock.ts';
import type { StreamSpec } from '../src/index.ts';
import { Pool } from '../src/pool.ts';
import type { PoolSettings } from '../src/pool-options.ts';
import { FakeSource } from './fake-source.ts';
import { FakeViewer } from './fake-viewer.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** Seconds of a stream with a keyframe at the start of each. */
let seconds: Buffer[];

beforeAll(async () => {
  const { path } = await makeSample({ seconds: 6, gopSeconds: 1 });
  const bytes = readFileSync(path);
  const starts: number[] = [];
  const scanner = new TsScanner({ onAccessPoint: (point) => starts.push(point.offset) });
  scanner.scan(bytes, 0);
  seconds = starts.map((start, i) => bytes.subarray(i === 0 ? 0 : start, starts[i + 1]));
});

const SPEC: StreamSpec = {
  id: 'stream',
  kind: 'shared',
  target: { url: 'http://provider/live.ts', headers: {} },
  failoverUrls: [],
  contentType: 'video/mp2t',
};

function setup({ alternatives = 1, after = Promise.resolve(), ...rest }: Setup = {}) {
  const settings = {
    sharedStreamTimeoutMs: 10_000,
    clientTimeoutMs: 30_000,
    streamTimeoutMs: 10_000,
    maxViewers: 0,
    ...rest,
  };
  const clock = new ManualClock();
  const sources: FakeSource[] = [];
  const states: string[] = [];
  const detached: string[] = [];
  let turn = (): void => {};
  const delivery = new DeliveryClock({
    intervalMs: 5,
    now: () => clock.now(),
    setInterval: (run) => {
      turn = run;
      return {};
    },
    clearInterval: () => {
      turn = () => {};
    },
  });
  let finals = 0;
  let attached = (): void => {};
  const pool = new Pool({
    spec: SPEC,
    settings,
    clock,
    delivery,
    after,
    intake: {
      alternatives,
      policy: { ...DEFAULT_CHAIN_POLICY, startMs: 9_000 },
      random: () => 0,
      ring: { budgetBytes: 8 * 1024 * 1024, retainMs: 5_000 },
      open: () => {
        const source = new FakeSource();
        sources.push(source);
        return source;
      },
    },
    events: {
      pool_state: ({ to }) => states.push(to),
      source_switched: () => states.push('(switched)'),
      viewer_attached: () => attached(),
      viewer_detached: ({ clientId, reason }) => detached.push(`${clientId} ${reason}`),
      viewer_skipped: () => {},
      noted: () => {},
    },
    onFinal: () => {
      finals += 1;
    },
  });
  /** Joins and says how it went. */
  const join = (clientId: string) => {
    const viewer = new FakeViewer(clientId);
    const joined = { viewer, outcome: 'waiting' };
    pool.join(viewer.request).then(
      () => {
        joined.outcome = viewer.response.headersSent ? 'playing' : 'left';
      },
      (error: StreampoolError) => {
        joined.outcome = error.code;
      },
    );
    return joined;
  };
  /** Real time of a live source: a second of media per second. */
  const live = async (count: number, source = sources.at(-1)!) => {
    for (let i = 0; i < count; i += 1) {
      source.sink.data(seconds[i % 5]!);
      turn();
      await clock.advance(1_000);
    }
  };
  return {
    pool,
    clock,
    sources,
    states,
    detached,
    delivery,
    join,
    live,
    turn: () => turn(),
    finals: () => finals,
    onAttached: (run: () => void) => {
      attached = run;
    },
  };
}

type Setup = Partial<PoolSettings> & { alternatives?: number; after?: Promise<void> };

test('nobody watching ends the pool after the timeout, however many keyframes come meanwhile', async () => {
  const { states, join, live, sources, pool, clock } = setup({ sharedStreamTimeoutMs: 3_500 });
  const one = join('one');
  await settle();
  await live(2);
  expect(one.outcome).toBe('playing');
  one.viewer.leave();
  expect(states.at(-1)).toBe('draining');
  await live(3);
  expect(states.at(-1)).toBe('draining');
  await live(1);
  expect(states.at(-1)).toBe('stopped');
  await pool.closed;
  expect(sources[0]!.closed).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a client that replaces itself does not leave its pool draining', async () => {
  const { states, join, live, pool, clock } = setup({ sharedStreamTimeoutMs: 3_500 });
  join('one');
  await settle();
  await live(1);
  const again = join('one');
  await settle();
  expect(again.outcome).toBe('playing');
  expect(states).toEqual(['starting', 'live']);
  expect(pool.snapshot()).toMatchObject({ state: 'live', viewers: 1 });
  await live(5);
  again.viewer.leave();
  expect(states.at(-1)).toBe('draining');
  await clock.advance(3_500);
  expect(states.at(-1)).toBe('stopped');
});

test('a viewer of a running stream that shows no keyframe any more is told so in time', async () => {
  const { join, live, sources, clock, pool } = setup({ streamTimeoutMs: 4_000 });
  const one = join('one');
  await settle();
  await live(1);
  // More than the ring holds, and no picture to begin with.
  sources[0]!.sink.data(nullPackets(9 * 1024 * 1024));
  const two = join('two');
  await clock.advance(2_000);
  sources[0]!.sink.data(nullPackets(188));
  await clock.advance(1_900);
  expect(two.outcome).toBe('waiting');
  sources[0]!.sink.data(nullPackets(188));
  await clock.advance(200);
  expect(two.outcome).toBe('STREAM_START_TIMEOUT');
  expect(one.outcome).toBe('playing');
  expect(pool.snapshot()).toMatchObject({ state: 'live', viewers: 1 });
});

test('what came before the first keyframe, of a source that was cut, leaves no switch pending', async () => {
  const { join, live, sources, clock, states, pool } = setup();
  const one = join('one');
  await settle();
  sources[0]!.sink.data(seconds[0]!.subarray(0, 4 * 188));
  sources[0]!.sink.end(new StreampoolError('UPSTREAM_CUT', 'cut'));
  await clock.advance(0);
  await live(2);
  expect(one.outcome).toBe('playing');
  one.viewer.leave();
  const two = join('two');
  await settle();
  expect(two.outcome).toBe('playing');
  expect(states).toEqual(['starting', 'live', 'draining', 'live']);
  expect(pool.snapshot().state).toBe('live');
});

test('a source that comes back with bytes but no pictures is replaced', async () => {
  const { join, live, sources, clock, states } = setup();
  join('one');
  await settle();
  await live(2);
  sources[0]!.sink.end(new StreampoolError('UPSTREAM_CUT', 'cut'));
  for (let second = 0; second < 19; second += 1) {
    await clock.advance(1_000);
    if (sources.length === 2) sources[1]!.sink.data(nullPackets(188));
  }
  expect(sources.length).toBe(3);
  expect(states.at(-1)).toBe('switching');
  await live(2);
  expect(states).toEqual(['starting', 'live', 'switching', 'live', '(switched)']);
});

test('the end of a complete stream reaches viewers that are behind, too', async () => {
  const { join, live, sources, states, detached, delivery } = setup();
  const fast = join('fast');
  const slow = join('slow');
  await settle();
  await live(1);
  slow.viewer.socket.blocked = true;
  await live(2);
  sources[0]!.sink.end();
  await settle();
  expect(states.at(-1)).toBe('stopped');
  expect(detached.sort()).toEqual(['fast ended', 'slow ended']);
  expect(fast.viewer.socket.ended).toBe(true);
  expect(slow.viewer.socket.ended).toBe(false);
  slow.viewer.socket.unblock();
  expect(slow.viewer.socket.ended).toBe(true);
  expect(slow.viewer.socket.bytes).toBe(fast.viewer.socket.bytes);
  expect(delivery.size).toBe(0);
});

test('a viewer that does not take the end of a complete stream is not waited for', async () => {
  const { join, live, turn, sources, clock, delivery } = setup({ clientTimeoutMs: 60_000 });
  const one = join('one');
  await settle();
  await live(1);
  one.viewer.socket.blocked = true;
  await live(2);
  sources[0]!.sink.end();
  await clock.advance(29_000);
  turn();
  expect(delivery.size).toBe(1);
  await clock.advance(2_000);
  turn();
  expect(delivery.size).toBe(0);
});

test('stopping in the middle of letting viewers in attaches nobody to a dead pool', async () => {
  const { join, live, pool, delivery, onAttached } = setup();
  onAttached(() => void pool.stop('a listener had enough'));
  const one = join('one');
  const two = join('two');
  await settle();
  await live(1);
  await pool.closed;
  expect(one.viewer.socket.ended).toBe(true);
  expect(two.outcome).toBe('STREAM_STOPPED');
  expect(two.viewer.response.headersSent).toBe(false);
  expect(delivery.size).toBe(0);
  expect(pool.viewers()).toEqual([]);
});

test('the source of a pool is opened when the former pool is gone, and never if nobody waits until then', async () => {
  let release = (): void => {};
  const after = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { pool, join, sources, clock } = setup({ after });
  const one = join('one');
  await clock.advance(2_000);
  expect(sources.length).toBe(0);
  await pool.stop('stopped by request');
  release();
  await settle();
  expect(one.outcome).toBe('STREAM_STOPPED');
  expect(sources.length).toBe(0);
  expect(clock.pending).toBe(0);
});

test('stopping settles when the source is gone, and is asked for any number of times', async () => {
  const { pool, join, live, sources, states, finals } = setup();
  join('one');
  await settle();
  await live(1);
  let release = (): void => {};
  sources[0]!.closing = new Promise((resolve) => {
    release = resolve;
  });
  let stopped = 0;
  for (let i = 0; i < 3; i += 1) void pool.stop(`reason ${i}`).then(() => (stopped += 1));
  await settle();
  expect({ stopped, finals: finals() }).toEqual({ stopped: 0, finals: 1 });
  release();
  await settle();
  expect(stopped).toBe(3);
  expect(states).toEqual(['starting', 'live', 'stopped']);
  // A source that does not know yet that it is closed.
  sources[0]!.sink.data(seconds[0]!);
  sources[0]!.sink.end();
  expect(states.at(-1)).toBe('stopped');
});

test('viewers that leave while they wait are forgotten; the next one is still in time', async () => {
  const { pool, join, live, states, clock, sources } = setup();
  const waiting = Array.from({ length: 100 }, (_, i) => join(`v${i}`));
  await settle();
  expect(pool.viewerCount).toBe(100);
  for (const { viewer } of waiting) viewer.leave();
  await settle();
  expect(pool.viewerCount).toBe(0);
  expect(waiting.every(({ outcome }) => outcome === 'left')).toBe(true);
  expect(states).toEqual(['starting', 'draining']);
  await clock.advance(8_000);
  const late = join('late');
  expect(states.at(-1)).toBe('starting');
  await clock.advance(900);
  sources[0]!.sink.data(nullPackets(188));
  await live(2);
  expect(late.outcome).toBe('playing');
  expect(states).toEqual(['starting', 'draining', 'starting', 'live']);
});

test('a hundred viewers leaving at once drain the pool once', async () => {
  const { pool, join, live, states, detached, delivery, clock } = setup();
  const all = Array.from({ length: 100 }, (_, i) => join(`v${i}`));
  await settle();
  await live(1);
  expect(delivery.size).toBe(100);
  for (const { viewer } of all) viewer.leave();
  expect(states).toEqual(['starting', 'live', 'draining']);
  expect(new Set(detached).size).toBe(100);
  expect(delivery.size).toBe(0);
  await clock.advance(10_000);
  await pool.closed;
  expect(states.at(-1)).toBe('stopped');
  expect(clock.pending).toBe(0);
});

test('content that is over before its first keyframe refuses those who wait', async () => {
  const { join, sources, clock } = setup();
  const one = join('one');
  await settle();
  sources[0]!.sink.data(nullPackets(188 * 8));
  sources[0]!.sink.end();
  await settle();
  expect(one.outcome).toBe('STREAM_FAILED');
  expect(clock.pending).toBe(0);
});

test('a source without any byte fails everybody who waits, at the deadline of the first', async () => {
  const { join, clock, states, pool } = setup({ streamTimeoutMs: 4_000 });
  const one = join('one');
  await clock.advance(3_000);
  const two = join('two');
  await clock.advance(1_100);
  expect([one.outcome, two.outcome]).toEqual(['STREAM_START_TIMEOUT', 'STREAM_START_TIMEOUT']);
  expect(states).toEqual(['starting', 'failed']);
  expect(pool.snapshot().lastError).toMatch('within 4 s');
  await pool.closed;
  expect(clock.pending).toBe(0);
});

function nullPackets(bytes: number): Buffer {
  const packet = Buffer.alloc(188, 0xff);
  packet.set([0x47, 0x1f, 0xff, 0x10]);
  return Buffer.alloc(Math.ceil(bytes / 188) * 188, packet);
}
