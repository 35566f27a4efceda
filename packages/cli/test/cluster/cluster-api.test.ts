import { api, waitFor } from '@streampool/testkit';
import { streams, workers } from '../../src/commands/reports.ts';
import { show } from '../../src/commands/show.ts';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
// Slow beats: what is prompt here is not so because somebody beat at the right moment.
beforeAll(() => stage.open({ gateways: 2, workers: 2, env: { HEARTBEAT_INTERVAL: '5' } }), 60_000);
beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(() => stage.repair(), 60_000);
afterAll(() => stage.close(), 30_000);

/** A viewer's socket must be closed, and a source gone, within this time. */
const PROMPT_MS = 2_000;

/** One viewer at each node. */
async function everywhere(id: string) {
  const nodes = [...stage.gateways, ...stage.workers];
  const players = await stage.audience(nodes, id, nodes.length);
  await waitFor(async () => (await stage.record(id)).viewers === nodes.length, {
    what: 'all in the records',
  });
  return players;
}

test('any gateway shows the streams, viewers and figures of the whole cluster', async () => {
  const url = stage.provider.url('/live.ts?shown');
  const transcoded = (await stage.create('transcode', { url, profile: COPY })).id;
  const direct = (await stage.create('streams', { url })).id;
  await everywhere(transcoded);
  await everywhere(direct);
  const { owner } = await stage.record(transcoded);
  for (const gateway of stage.gateways) {
    const get = async (path: string) => (await api(gateway, 'GET', path)).body as Record<string, never>;
    const { streams: shown } = (await get('/streams')) as unknown as { streams: Record<string, unknown>[] };
    const byId = new Map(shown.map((stream) => [stream.stream_id, stream]));
    expect(byId.get(transcoded)).toMatchObject({ client_count: 4, state: 'live', owner, kind: 'transcode' });
    expect(byId.get(direct)).toMatchObject({ client_count: 4, state: 'live', kind: 'direct' });
    expect(await get(`/streams/${transcoded}`)).toMatchObject({ client_count: 4 });
    const { clients } = (await get('/clients')) as unknown as { clients: Record<string, string>[] };
    const names = [...stage.gateways, ...stage.workers].map(({ name }) => name).sort();
    for (const id of [transcoded, direct]) {
      const nodes = clients.filter((client) => client.stream_id === id).map(({ node }) => node);
      expect(nodes.sort()).toEqual(names);
    }
    expect(await get('/stats')).toMatchObject({ total_clients: 8, active_clients: 8, active_streams: 2 });
    expect(await get('/health')).toMatchObject({ active_clients: 8, active_streams: 2 });
    expect(await show(streams, { url: gateway.url })).toMatch(
      new RegExp(`^${transcoded} +transcode +live +4 `, 'm'),
    );
    expect(await show(workers, { url: gateway.url })).toMatch(/^worker-1 +worker .* ready /m);
  }
});

test.each(['transcode', 'direct'])('a deleted %s stream ends at every node promptly', async (kind) => {
  const url = stage.provider.url('/live.ts?deleted');
  const { id } =
    kind === 'direct'
      ? await stage.create('streams', { url })
      : await stage.create('transcode', { url, profile: COPY });
  const players = await everywhere(id);
  const begun = performance.now();
  const answer = await api(stage.gateways[1]!, 'DELETE', `/streams/${id}`);
  expect([answer.status, answer.body]).toMatchObject([200, { disconnected_clients: 4 }]);
  await waitFor(() => players.every(({ end }) => end !== undefined), { timeoutMs: PROMPT_MS });
  await waitFor(() => stage.provider.stats('/live.ts').current === 0, { timeoutMs: PROMPT_MS });
  await waitFor(() => stage.ffmpegs().length === 0, { timeoutMs: PROMPT_MS });
  expect(performance.now() - begun).toBeLessThan(PROMPT_MS);
  expect((await api(stage.gateways[0]!, 'GET', `/streams/${id}`)).status).toBe(404);
});

test('a viewer at any node is ended through any gateway, and nobody else is', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?ended'), shared: true });
  const players = await everywhere(id);
  const { items } = await stage.state.listClients({ streamId: id });
  const nodes = [...stage.gateways, ...stage.workers];
  for (const [at, { name }] of nodes.entries()) {
    const client = items.find(({ node }) => node === name)!;
    const answer = await api(stage.gateways[at % 2]!, 'DELETE', `/clients/${client.id}`);
    expect([answer.status, answer.body]).toMatchObject([200, { confirmed: true }]);
    await waitFor(() => players[at]!.end !== undefined, { timeoutMs: PROMPT_MS });
    expect(players.map(({ end }) => end === undefined)).toEqual(nodes.map((_, n) => n > at));
    expect((await stage.record(id)).viewers).toBe(nodes.length - 1 - at);
    expect((await api(stage.gateways[0]!, 'DELETE', `/clients/${client.id}`)).status).toBe(404);
  }
});

test('a node that hangs holds up nobody who deletes: its streams and viewers are forgotten, and end when it wakes', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?hangs'), shared: true });
  const [player] = await stage.audience([stage.workers[0]!], id, 1);
  await waitFor(async () => (await stage.record(id)).viewers === 1, { what: 'the viewer in the records' });
  const [client] = (await stage.state.listClients({ streamId: id })).items;
  stage.workers[0]!.suspend();
  const begun = performance.now();
  const ended = await api(stage.gateways[0]!, 'DELETE', `/clients/${client!.id}`);
  expect([ended.status, ended.body]).toMatchObject([200, { confirmed: false }]);
  expect((await stage.record(id)).viewers).toBe(0);
  expect((await api(stage.gateways[0]!, 'DELETE', `/streams/${id}`)).status).toBe(200);
  expect(performance.now() - begun).toBeLessThan(4_000);
  stage.workers[0]!.continue();
  await waitFor(() => player!.end !== undefined, { timeoutMs: 10_000, what: 'the end of its viewer' });
  await waitFor(() => stage.provider.stats('/live.ts').current === 0, { timeoutMs: 10_000 });
});
