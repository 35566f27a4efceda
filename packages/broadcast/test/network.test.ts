import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Programme } from '@streampool/state';
import type { StreamSpec, Tap, TapSink } from '@streampool/streaming';
import { pino } from 'pino';
import { Network } from '../src/network.ts';
import type { Callback } from '../src/network-status.ts';

let path: string;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'network-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const spec = { id: 'one' } as StreamSpec;
const programme = (startedAtMs: number): Programme => ({
  ...{ network: 'one', startedAtMs, seekMs: 0, discontinuity: false, segmentMs: 2_000, listSize: 5 },
  ...{ recorded: false, callbackUrl: 'http://editor.example/callback' },
});

test('the end of a programme that another one has followed meanwhile is none of the other’s', async () => {
  const sinks: TapSink[] = [];
  const firstTap = Promise.withResolvers<Tap>();
  const told: unknown[] = [];
  const timers: (() => void)[] = [];
  const tap = { close() {} };
  const network = new Network({
    ...{ spec, programme: programme(1_000), folderOf: () => path, startTimeoutMs: 1_000, keptMs: 1_000 },
    engine: {
      tap(_, sink) {
        sinks.push(sink);
        return sinks.length === 1 ? firstTap.promise : Promise.resolve(tap);
      },
      endPools: async () => {},
      pools: () => [],
    },
    callback: (callback) => told.push(callback),
    onOver: async (over) => void told.push(over),
    onQuiet: () => {},
    log: pino({ level: 'silent' }),
    clock: {
      now: () => 0,
      wallNow: () => 1_000,
      after(_, run) {
        timers.push(run);
        return () => timers.splice(0);
      },
    },
  });
  while (sinks.length === 0) await new Promise(setImmediate);
  network.update({ spec, programme: programme(2_000) });
  // Its end comes behind the step that begins the next one, and before that has been taken.
  sinks[0]?.ended({ reason: 'failed' });
  timers.shift()?.();
  firstTap.resolve(tap);
  const answer = await network.answer(
    { path: 'status.json', query: new URLSearchParams() },
    new AbortController().signal,
  );
  expect(JSON.parse(String(answer.body))).toMatchObject({ status: 'starting', startedAtMs: 2_000 });
  expect([sinks.length, told]).toEqual([2, []]);
  await network.close();
});

test('a programme whose source has ended stays this node’s until its time is over, and is nobody’s before all know', async () => {
  let sink: TapSink | undefined;
  let wallMs = 1_000;
  const told: unknown[] = [];
  const timers: (() => void)[] = [];
  const network: Network = new Network({
    ...{ spec, programme: { ...programme(1_000), durationMs: 6_000 }, folderOf: () => path },
    ...{ startTimeoutMs: 1_000, keptMs: 1_000 },
    engine: {
      async tap(_, given) {
        sink = given;
        return { close() {} };
      },
      endPools: async () => {},
      pools: () => [],
    },
    callback: ({ body }) => told.push(body.event),
    onOver: async () => void told.push({ over: network.isPlaying }),
    onQuiet: (state) => told.push({ state, isPlaying: network.isPlaying }),
    log: pino({ level: 'silent' }),
    clock: {
      now: () => 0,
      wallNow: () => wallMs,
      after(ms, run) {
        timers.push(run);
        if (ms === 4_000) told.push('waits');
        return () => timers.splice(0);
      },
    },
  });
  const settled = (): Promise<unknown> =>
    network.answer({ path: 'status.json', query: new URLSearchParams() }, new AbortController().signal);
  await settled();
  wallMs = 3_000;
  sink?.ended({ reason: 'ended' });
  expect([network.isPlaying, told]).toEqual([true, ['waits']]);
  wallMs = 7_000;
  timers.shift()?.();
  await settled();
  expect(told).toEqual(['waits', { over: true }, { state: 'stopped', isPlaying: false }, 'programme_ended']);
  await network.close();
});

test('the end of a programme that nobody told is told by whoever finds it, as of the same programme', async () => {
  const told: unknown[] = [];
  const shown = { ...programme(1_000), durationMs: 6_000 };
  const options = {
    ...{ spec, folderOf: () => path, startTimeoutMs: 1_000, keptMs: 1_000 },
    engine: {
      tap: () => Promise.reject(new Error('it is not played again')),
      endPools: async () => {},
      pools: () => [],
    },
    callback: ({ body, programmeStartedAtMs }: Callback) => told.push([body.event, programmeStartedAtMs]),
    onOver: async ({ startedAtMs }: Programme) => void told.push(startedAtMs),
    onQuiet: () => {},
    log: pino({ level: 'silent' }),
    clock: { now: () => 0, wallNow: () => 9_000, after: () => () => {} },
  };
  const request = { path: 'status.json', query: new URLSearchParams() };
  const signal = new AbortController().signal;
  for (const more of [{}, { stoppedAtMs: 8_000 }]) {
    const network = new Network({ ...options, programme: { ...shown, ...more } });
    const { body } = await network.answer(request, signal);
    expect(JSON.parse(String(body))).toMatchObject({ status: 'stopped' });
    await network.close();
  }
  expect(told).toEqual([1_000, ['programme_ended', 1_000]]);
});
