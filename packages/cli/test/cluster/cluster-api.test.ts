import { api, type ClusterNode, metric, type Player, waitFor } from '@streampool/testkit';
import { streams, workers } from '../../src/commands/reports.ts';
import { show } from '../../src/commands/show.ts';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed } from './cluster-stage.ts';

const stage = new ClusterStage();
// Slow beats: what is prompt here is not so because somebody beat at the right moment.
beforeAll(() => stage.open({ gateways: 2, workers: 2, env: { HEARTBEAT_INTERVAL: '15' } }));
beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(() => stage.repair());
afterAll(() => stage.close());

/** A viewer's socket must be closed, and a source gone, within this time. */
const PROMPT_MS = 10_000;

/** Bytes that viewers were given by what `/stats` says of the cluster, and of its streams. */
function served(stats: object): { total: number; ofStreams: number } {
  const { total_bytes_served: total, streams } = stats as Shown & { streams: Shown[] };
  return { total, ofStreams: streams.reduce((sum, stream) => sum + stream.total_bytes_served, 0) };
}

interface Shown {
  readonly total_bytes_served: number;
}

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
    // Each of the four nodes has two viewers who have seen a second of 1.4 Mbit/s; what went between nodes is not counted.
    const first = served(await get('/stats'));
    expect(first.total).toBeGreaterThan(8 * 100_000);
    // Nothing has ended yet, and nodes are asked for their total no later than for its streams.
    const second = served(await get('/stats'));
    expect(first.ofStreams).toBeGreaterThanOrEqual(first.total);
    expect(first.ofStreams).toBeLessThanOrEqual(second.total);
    const { nodes } = (await get('/stats/performance')) as unknown as { nodes: Record<string, unknown>[] };
    expect(nodes.map(({ node, answered }) => [node, answered]).sort()).toEqual(
      names.map((name) => [name, true]),
    );
    expect(await show(streams, { url: gateway.url })).toMatch(
      new RegExp(`^${transcoded} +transcode +live +4 `, 'm'),
    );
    expect(await show(workers, { url: gateway.url })).toMatch(/^worker-1 +worker .* ready /m);
  }
});

test('how much nodes log is changed through any gateway, on all of them', async () => {
  const [one, other] = stage.gateways as [ClusterNode, ClusterNode];
  const names = [...stage.gateways, ...stage.workers].map(({ name }) => name).sort();
  const levels = (answer: unknown) =>
    (answer as { nodes: { node: string; level: string }[] }).nodes
      .map(({ node, level }) => [node, level])
      .sort();
  const told = await api(one, 'PUT', '/log-level', { level: 'trace', seconds: 60 });
  expect(levels(told.body)).toEqual(names.map((name) => [name, 'trace']));
  await waitFor(() => stage.workers.every((worker) => worker.logs().includes('the log level is changed')));
  await api(other, 'PUT', '/log-level', { level: 'warn', node: 'worker-0' });
  const now = await api(one, 'GET', '/log-level');
  expect(levels(now.body)).toEqual(names.map((name) => [name, name === 'worker-0' ? 'warn' : 'trace']));
  await api(other, 'PUT', '/log-level', { level: 'info' });
});

test('every node says in its metrics how it takes part', async () => {
  const url = stage.provider.url('/live.ts?metrics');
  const { id } = await stage.create('streams', { url, shared: true });
  await everywhere(id);
  const owner = await stage.ownerOf(id);
  for (const node of [...stage.gateways, ...stage.workers]) {
    const lines = (await api(node, 'GET', '/metrics')).text.split('\n');
    const isOwner = node === owner;
    expect(lines).toContain(`streampool_relays{direction="in"} ${isOwner ? 0 : 1}`);
    expect(lines).toContain(`streampool_relays{direction="out"} ${isOwner ? 3 : 0}`);
    expect(lines).toContain('streampool_state_connected 1');
    expect(lines).toContain('streampool_draining 0');
    for (const name of [
      'reaper_actions_total',
      'job_runs_total{task="reaper"}',
      'job_runs_total{task="orphans"}',
    ]) {
      expect(lines.some((line) => line.startsWith(`streampool_${name}`))).toBe(node.role === 'worker');
    }
  }
  // No key is of a host, or it would stay when the host is gone.
  const keys = (await stage.cluster.redis.command('KEYS', 'bull:*')).match(/^bull:[^:]+/gm);
  expect([...new Set(keys)].sort()).toEqual(['bull:reaper', 'bull:webhooks']);
  // Once it has let go of what earlier viewers watched.
  await waitFor(async () => (await metric(owner, 'streampool_owned_streams')) === 1, { timeoutMs: 40_000 });
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

test('a player that zaps from one node to another is one viewer', async () => {
  const url = stage.provider.url('/live.ts?zapping');
  const ids = await Promise.all(
    stage.gateways.map(
      async (_, n) => (await stage.create('streams', { url: `${url}-${n}`, shared: true })).id,
    ),
  );
  const nodes = [...stage.gateways, ...stage.workers];
  let former: Player | undefined;
  for (const [at, node] of nodes.entries()) {
    const id = ids[at % 2]!;
    const player = stage.play(node, `${id}?client_id=tv`);
    await player.waitForMedia(1);
    if (former) await waitFor(() => former?.end !== undefined, { timeoutMs: PROMPT_MS });
    const isIt = async (): Promise<boolean> => (await stage.state.getClient('tv'))?.node === node.name;
    await waitFor(isIt, { what: 'the viewer in the records' });
    former = player;
  }
  // Back before any record tells where it has been meanwhile.
  const [a, b] = ids.map((id) => `${id}?client_id=tv`);
  const zaps: Player[] = [];
  for (const [gateway, path] of [
    [0, a],
    [1, b],
    [0, a],
  ] as const) {
    const player = stage.play(stage.gateways[gateway]!, path!);
    await player.waitForBytes(1);
    zaps.push(player);
  }
  await waitFor(() => zaps[0]!.end !== undefined && zaps[1]!.end !== undefined, { timeoutMs: PROMPT_MS });
  expect(zaps[2]!.end).toBeUndefined();
  // The node that it has left last says so with its next beat, at the latest.
  const isOne = async (): Promise<boolean> =>
    (await stage.state.listClients({})).items.filter((client) => client.id === 'tv').length === 1;
  await waitFor(isOne, { timeoutMs: 40_000, what: 'one viewer in the records' });
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
  // Its lease lasts longer.
  expect(performance.now() - begun).toBeLessThan(PROMPT_MS);
  stage.workers[0]!.continue();
  await waitFor(() => player!.end !== undefined, { what: 'the end of its viewer' });
  await waitFor(() => stage.provider.stats('/live.ts').current === 0);
});

test.each(['transcode', 'streams'] as const)(
  'another source is asked for at any gateway, and the owner changes over to it (%s)',
  async (kind) => {
    stage.provider.live('/backup.ts', stage.sample, { start: 'keyframe' });
    const body = {
      url: stage.provider.url(`/live.ts?${kind}`),
      failover_urls: [stage.provider.url('/backup.ts')],
      ...(kind === 'transcode' ? { profile: COPY } : { shared: true }),
    };
    const { id } = await stage.create(kind, body);
    const players = await everywhere(id);
    const [one, other] = stage.gateways as [ClusterNode, ClusterNode];
    for (const [gateway, index] of [
      [one, 1],
      [other, 0],
    ] as const) {
      expect(await api(gateway, 'POST', `/streams/${id}/failover`)).toMatchObject({
        status: 200,
        body: { failover_index: index, failover_attempts: expect.any(Number), active_clients: 4 },
      });
      await waitFor(() => stage.provider.stats('/backup.ts').current === index);
      await stage.waitForRecord(id, { failoverIndex: index });
    }
    await Promise.all(players.map((player) => player.waitForMedia(1)));
    await waitFor(() => stage.provider.stats('/live.ts').current === 1);
    expectUndisturbed(players);
    for (const [path, answer] of [
      ['/streams/unknown/failover', { status: 404 }],
      [`/streams/${(await stage.create('streams', { url: body.url })).id}/failover`, { status: 400 }],
    ] as const)
      expect(await api(one, 'POST', path)).toMatchObject(answer);
  },
);
