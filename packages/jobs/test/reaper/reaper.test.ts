import type { ClusterState, SqliteClusterState } from '@streampool/state';
import { pino } from 'pino';
import { apply } from '../../src/reaper/apply.ts';
import { plan } from '../../src/reaper/plan.ts';
import { Reaper } from '../../src/reaper/reaper.ts';
import { beat, client, definition, LEASE_MS, openStore } from '../store.ts';

const log = pino({ level: 'silent' });
let state: SqliteClusterState;
let advance: (ms: number) => Promise<void>;

beforeEach(async () => {
  ({ state, advance } = openStore());
  for (const id of ['watched', 'unwatched', 'kept']) await state.putStream(definition(id));
  await state.heartbeat(beat('dead', { clients: [client('lost', 'watched', 'dead')] }));
  await state.heartbeat(beat('alive'));
  await state.claim('watched', { id: 'dead', host: 'here' });
  await state.claim('unwatched', { id: 'dead', host: 'here' });
  await state.claim('kept', { id: 'alive', host: 'here' });
  await advance(LEASE_MS + 1);
  await state.heartbeat(
    beat('alive', {
      streams: [{ streamId: 'kept', epoch: 1 }],
      clients: [client('viewer', 'watched', 'alive')],
    }),
  );
});

afterEach(() => state.close());

test('viewing sessions that nobody renews are gone after one run, however many', async () => {
  const session = (id: string, user: string) => ({
    ...{ id, user, ip: '192.0.2.7', place: '192.0.2.7', player: 'tv', streamId: 'kept', clientId: 'c' },
    ...{ node: 'alive', userAgent: 'VLC', limit: 0, quietMs: 0 },
  });
  for (let i = 0; i < 1_200; i++) await state.startSession(session(`s${i}`, `user ${i}`));
  for (let passed = 0; passed < 60_000; passed += LEASE_MS / 4) {
    await advance(LEASE_MS / 4);
    await state.heartbeat(beat('alive'));
  }
  await state.startSession(session('new', 'somebody'));
  const reaper = new Reaper({ state, log });
  expect(await reaper.run()).toMatchObject({ sessionsExpired: 1_200 });
  expect((await state.listSessions()).items.map(({ id }) => id)).toEqual(['new']);
});

test('what a dead worker left is gone after one run, the rest is untouched', async () => {
  const reowned: [string, number][] = [];
  const reaper = new Reaper({ state, log, reown: async (...stream) => void reowned.push(stream) });
  expect(await reaper.run()).toEqual({
    streamsReleased: 1,
    streamsReowned: 1,
    clientsRemoved: 1,
    workersRemoved: 1,
    sessionsExpired: 0,
    superseded: 0,
    failed: 0,
  });
  expect(reowned).toEqual([['watched', 1]]);
  expect((await state.listWorkers()).map(({ id }) => id)).toEqual(['alive']);
  expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['viewer']);
  expect(await state.getStream('watched')).toMatchObject({ owner: '', state: 'idle', viewers: 1 });
  expect(await state.getStream('unwatched')).toMatchObject({ owner: '' });
  expect(await state.getStream('kept')).toMatchObject({ owner: 'alive', epoch: 1 });
  const events = await state.readEvents();
  expect(events).toMatchObject([
    { type: 'client_disconnected', streamId: 'watched', data: { clientId: 'lost', reason: 'lost' } },
    { type: 'worker_lost', data: { workerId: 'dead', host: 'here' } },
    {
      type: 'reaped',
      data: { streamsReleased: 1, streamsReowned: 1, clientsRemoved: 1, workersRemoved: 1 },
    },
  ]);
  await reaper.run();
  expect(await state.readEvents()).toHaveLength(3);
  expect(reaper.total).toMatchObject({ streamsReleased: 1, workersRemoved: 1 });
});

test('two reapers at once do everything once', async () => {
  const actions = plan(await state.sweep());
  const [a, b] = await Promise.all([apply(actions, state), apply(actions, state)]);
  expect(a.workersRemoved + b.workersRemoved).toBe(1);
  expect(a.clientsRemoved + b.clientsRemoved).toBe(1);
  expect(a.streamsReleased + b.streamsReleased).toBe(1);
  expect(a.superseded + b.superseded).toBe(3);
  const told = (await state.readEvents()).map(({ type }) => type);
  for (const once of ['worker_lost', 'client_disconnected'])
    expect(told.filter((type) => type === once)).toHaveLength(1);
});

test('a worker that came back between the look and the deed keeps everything', async () => {
  const actions = plan(await state.sweep());
  await state.heartbeat(
    beat('dead', {
      streams: ['watched', 'unwatched'].map((streamId) => ({ streamId, epoch: 1 })),
      clients: [client('lost', 'watched', 'dead')],
    }),
  );
  const outcome = await apply(actions, state);
  expect(outcome).toMatchObject({ superseded: 3, streamsReleased: 0, streamsReowned: 0, workersRemoved: 0 });
  expect(outcome.clientsRemoved).toBe(0);
  expect(await state.getStream('watched')).toMatchObject({ owner: 'dead', epoch: 1, viewers: 2 });
  expect(await state.listWorkers()).toHaveLength(2);
});

test('a stream that somebody has taken over meanwhile is left to them', async () => {
  const actions = plan(await state.sweep());
  await state.claim('watched', { id: 'alive', host: 'here' });
  const reowned: string[] = [];
  const outcome = await apply(actions, state, { reown: async (streamId) => void reowned.push(streamId) });
  expect(reowned).toEqual([]);
  expect(outcome).toMatchObject({ superseded: 1, streamsReleased: 1, workersRemoved: 1 });
  expect(await state.getStream('watched')).toMatchObject({ owner: 'alive', epoch: 2 });
});

test('a step that fails does not keep the others from being done', async () => {
  const broken = Object.assign(Object.create(state) as ClusterState, {
    release: async () => {
      throw new Error('no');
    },
    sweep: () => state.sweep(),
    removeClients: (...args: Parameters<ClusterState['removeClients']>) => state.removeClients(...args),
    removeWorker: (...args: Parameters<ClusterState['removeWorker']>) => state.removeWorker(...args),
    publish: (...args: Parameters<ClusterState['publish']>) => state.publish(...args),
  });
  const errors: string[] = [];
  const outcome = await apply(plan(await state.sweep()), broken, {
    onError: ({ type }) => errors.push(type),
  });
  expect(errors).toEqual(['reown_stream', 'release_stream']);
  expect(outcome).toMatchObject({ failed: 2, clientsRemoved: 1, workersRemoved: 1 });
});

test('an aborted run stops between two steps', async () => {
  const abort = new AbortController();
  abort.abort();
  await new Reaper({ state, log }).run(abort.signal);
  expect(await state.listWorkers()).toHaveLength(2);
});

test('more than one snapshot holds is removed in one run', async () => {
  const many = Array.from({ length: 12_000 }, (_, n) => client(`c${n}`, 'kept', 'alive'));
  await state.heartbeat(beat('alive', { clients: many }));
  await advance(LEASE_MS + 1);
  await state.heartbeat(beat('alive', { streams: [{ streamId: 'kept', epoch: 1 }] }));
  expect((await new Reaper({ state, log }).run()).clientsRemoved).toBe(12_002);
  expect((await state.getStream('kept'))?.viewers).toBe(0);
});
