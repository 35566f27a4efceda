import { StreampoolError } from '@streampool/errors';
import type { UpstreamClient } from '@streampool/upstream';
import { pino } from 'pino';
import {
  DEFAULT_ENGINE_SETTINGS,
  type EngineEvents,
  StreamEngine,
  type StreamKind,
  type StreamSpec,
} from '../src/index.ts';
import { FakeViewer } from './fake-viewer.ts';
import { ManualClock, settle } from './manual-clock.ts';

function spec(kind: StreamKind): StreamSpec {
  return {
    id: kind,
    kind,
    target: { url: 'http://provider/live.ts', headers: {} },
    failoverUrls: [],
    ffmpegArgs: ['-i', '{input_url}'],
    contentType: 'video/mp2t',
  };
}

/** An engine whose provider is asked, but answers only when told to. */
function setup() {
  const refusals: ((error: StreampoolError) => void)[] = [];
  const client: UpstreamClient = {
    open: (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        refusals.push(reject);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  const clock = new ManualClock();
  const door = { open: () => undefined as never, openSocket: () => undefined as never };
  const engine = new StreamEngine({
    settings: DEFAULT_ENGINE_SETTINGS,
    client,
    door,
    clock,
    log: pino({ level: 'silent' }),
  });
  const states: EngineEvents['pool_state'][0][] = [];
  engine.on('pool_state', (change) => states.push(change));
  return { engine, clock, refusals, states };
}

test.each(['direct', 'shared', 'transcode'] as const)(
  'nothing is opened (%s) for a viewer that has gone before it was let in',
  async (kind) => {
    const { engine, clock, refusals } = setup();
    const viewer = new FakeViewer('one');
    viewer.leave();
    await engine.watch(spec(kind), viewer.request);
    await settle();
    expect(refusals).toEqual([]);
    expect(engine.pools()).toEqual([]);
    expect(clock.pending).toBe(0);
  },
);

test('a direct stream is one pool and each client one viewer, however many connections it has', async () => {
  const { engine, clock, states } = setup();
  const attached: string[] = [];
  const detached: string[] = [];
  engine.on('viewer_attached', ({ clientId }) => attached.push(clientId));
  engine.on('viewer_detached', ({ clientId, reason }) => detached.push(`${clientId} ${reason}`));
  const [one, again, two] = [new FakeViewer('one'), new FakeViewer('one'), new FakeViewer('two')];
  for (const viewer of [one, again, two]) engine.watch(spec('direct'), viewer.request).catch(() => {});
  await settle();
  expect(engine.pools()).toMatchObject([{ kind: 'direct', state: 'live', viewers: 2 }]);
  expect(engine.viewers('direct').map(({ clientId }) => clientId)).toEqual(['one', 'two']);
  expect(attached).toEqual(['one', 'two']);
  one.leave();
  await settle();
  expect(detached).toEqual([]);
  again.leave();
  await settle();
  expect(detached).toEqual(['one left']);
  expect(await engine.stop('direct')).toBe(1);
  expect(detached).toEqual(['one left', 'two stopped']);
  expect(states.map(({ to }) => to)).toEqual(['starting', 'live', 'stopped']);
  expect(engine.pools()).toEqual([]);
  expect(clock.pending).toBe(0);
});

test('why a direct stream could not be opened is there to be read when it is said to have failed', async () => {
  const { engine, refusals } = setup();
  const seen: unknown[] = [];
  engine.on('pool_state', ({ to, reason }) => {
    const [pool] = engine.pools();
    if (to !== 'starting' && to !== 'live')
      seen.push({ to, reason, state: pool?.state, error: pool?.lastError });
  });
  const watched = engine.watch(spec('direct'), new FakeViewer('one').request);
  await settle();
  refusals[0]?.(new StreampoolError('UPSTREAM_CONNECT_FAILED', 'refused'));
  await expect(watched).rejects.toMatchObject({ code: 'UPSTREAM_CONNECT_FAILED' });
  await settle();
  expect(seen).toEqual([
    { to: 'failed', reason: 'UPSTREAM_CONNECT_FAILED', state: 'failed', error: 'refused' },
  ]);
  expect(engine.pools()).toEqual([]);
});
