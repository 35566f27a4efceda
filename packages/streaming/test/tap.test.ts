import { readFileSync } from 'node:fs';
import { StreampoolError } from '@streampool/errors';
import { TsScanner } from '@streampool/mpegts';
import { makeSample } from '@streampool/testkit';
import { DEFAULT_CHAIN_POLICY } from '../src/chain-options.ts';
import { DeliveryClock } from '../src/delivery-clock.ts';
import type { TapEnd, TapRun } from '../src/index.ts';
import { Pool } from '../src/pool.ts';
import { FakeSource } from './fake-source.ts';
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

/** Copies of what it was told. */
class Listener {
  readonly runs: TapRun[] = [];
  end: TapEnd | undefined;

  run(run: TapRun): void {
    this.runs.push({ ...run, packets: Buffer.from(run.packets) });
  }

  ended(end: TapEnd): void {
    this.end = end;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.runs.map(({ packets }) => packets));
  }

  get points(): number[] {
    return this.runs.flatMap(({ accessPoints }) => accessPoints.map(({ offset }) => offset));
  }
}

function setup() {
  const clock = new ManualClock();
  const sources: FakeSource[] = [];
  const pool = new Pool({
    spec: {
      id: 'stream',
      kind: 'shared',
      target: { url: 'http://provider/live.ts', headers: {} },
      failoverUrls: [],
      contentType: 'video/mp2t',
    },
    settings: {
      sharedStreamTimeoutMs: 1_000,
      clientTimeoutMs: 30_000,
      streamTimeoutMs: 10_000,
      maxViewers: 0,
    },
    clock,
    delivery: new DeliveryClock({ intervalMs: 50 }),
    after: Promise.resolve(),
    intake: {
      alternatives: 1,
      policy: { ...DEFAULT_CHAIN_POLICY, startMs: 9_000 },
      random: () => 0,
      ring: { budgetBytes: 8 * 1024 * 1024, retainMs: 60_000 },
      open: () => {
        const source = new FakeSource();
        sources.push(source);
        return source;
      },
    },
    events: {
      pool_state: () => {},
      source_switched: () => {},
      viewer_attached: () => {},
      viewer_detached: () => {},
      viewer_skipped: () => {},
      noted: () => {},
    },
    onFinal: () => {},
  });
  return { clock, sources, pool };
}

test('reads everything with its access points, and a later one from the oldest access point on', async () => {
  const { pool, sources } = setup();
  const first = new Listener();
  pool.tap(first);
  await settle();
  sources[0]!.sink.data(seconds[0]!);
  sources[0]!.sink.data(seconds[1]!);
  const second = new Listener();
  pool.tap(second);
  sources[0]!.sink.data(seconds[2]!);
  await pool.stop('the test is over');

  expect(first.bytes.length).toBeGreaterThan(seconds[0]!.length + seconds[1]!.length);
  expect(first.points).toHaveLength(3);
  let offset = first.runs[0]!.offset;
  for (const run of first.runs) {
    expect(run.offset).toBe(offset);
    offset += run.packets.length;
  }
  expect(second.points).toEqual(first.points);
  expect(second.runs[0]!.offset).toBe(first.points[0]);
  expect(second.bytes.equals(first.bytes.subarray(first.points[0]! - first.runs[0]!.offset))).toBe(true);
  expect(second.runs[0]!.program?.streams.map(({ codec }) => codec)).toEqual(['h264', 'aac']);
  expect(second.runs.slice(1).some(({ program }) => program)).toBe(false);
  expect(first.end).toMatchObject({ reason: 'stopped', error: { code: 'STREAM_STOPPED' } });
});

test('says where another source goes out, also to those who come later', async () => {
  const { pool, sources, clock } = setup();
  const first = new Listener();
  pool.tap(first);
  await settle();
  sources[0]!.sink.data(seconds[0]!);
  sources[0]!.sink.data(seconds[1]!);
  sources[0]!.sink.end(new StreampoolError('UPSTREAM_CUT', 'the connection was reset'));
  await clock.advance(1_000);
  sources[1]!.sink.data(Buffer.concat([seconds[0]!, seconds[1]!, seconds[2]!]));
  const second = new Listener();
  pool.tap(second);
  const splices = (listener: Listener): number[] =>
    listener.runs.filter(({ splice }) => splice).map((run) => run.offset);
  expect(splices(first)).toHaveLength(1);
  expect(splices(second)).toEqual(splices(first));
  expect(second.points).toEqual(first.points);
  await pool.stop('the test is over');
});

test('the pool runs for a tap alone, and for no longer', async () => {
  const { pool, sources, clock } = setup();
  const listener = new Listener();
  const tap = pool.tap(listener);
  await settle();
  sources[0]!.sink.data(seconds[0]!);
  sources[0]!.sink.data(seconds[1]!);
  await clock.advance(2_000);
  expect(pool.isFinal).toBe(false);
  expect(pool.snapshot()).toMatchObject({ viewers: 0, state: 'live' });
  tap.close();
  tap.close();
  const heard = listener.runs.length;
  sources[0]!.sink.data(seconds[2]!);
  expect(listener.runs).toHaveLength(heard);
  await clock.advance(1_001);
  expect(pool.snapshot().state).toBe('stopped');
  expect(listener.end).toBeUndefined();
});

test('tells why a stream cannot be played', async () => {
  const { pool, clock } = setup();
  const listener = new Listener();
  pool.tap(listener);
  await clock.advance(10_001);
  expect(listener.end).toMatchObject({ reason: 'failed', error: { code: 'UPSTREAM_TIMEOUT' } });
  expect(listener.runs).toEqual([]);
  await pool.closed;
});

test('a reader that fails is left alone, and the pool goes on', async () => {
  const { pool, sources } = setup();
  const well = new Listener();
  const ends: TapEnd[] = [];
  pool.tap({
    run: () => {
      throw new TypeError('broken');
    },
    ended: (end) => ends.push(end),
  });
  pool.tap(well);
  await settle();
  sources[0]!.sink.data(seconds[0]!);
  sources[0]!.sink.data(seconds[1]!);
  expect(ends).toMatchObject([{ reason: 'failed', error: { code: 'INTERNAL' } }]);
  expect(well.points).toHaveLength(2);
  await pool.stop('the test is over');
  expect(ends).toHaveLength(1);
});
