import { api, type ClusterNode, type Player, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed, longestGap } from './cluster-stage.ts';

const stage = new ClusterStage();
beforeAll(async () => {
  await stage.open({
    gateways: 2,
    workers: 2,
    env: { SHARED_STREAM_TIMEOUT: '60', HEARTBEAT_INTERVAL: '0.5' },
  });
  // Whatever is asked for below it is a channel of its own; its connections are counted together.
  stage.provider.live('/acme/', stage.sample, { start: 'keyframe' });
  await limitTo(2);
  // Every node has learned of it.
  for (const node of stage.cluster.nodes) {
    await waitFor(async () =>
      (await api(node, 'GET', '/metrics')).text.includes('slots_max{provider="acme"} 2'),
    );
  }
});
afterEach(async () => {
  await stage.hangUp();
  await api(stage.gateways[0]!, 'DELETE', '/streams/by-metadata?field=provider&value=acme&active_only=false');
  await waitFor(() => stage.provider.stats('/acme/').current === 0, { what: 'no connection left' });
  await waitFor(async () => (await slots()).length === 0, { what: 'no slot left' });
  expect(stage.provider.stats('/acme/').max).toBeLessThanOrEqual(2);
});
afterAll(() => stage.close());

async function limitTo(maxConnections: number): Promise<void> {
  const body = { hosts: [`127.0.0.1:${stage.provider.port}`], max_connections: maxConnections };
  expect((await api(stage.gateways[0]!, 'PUT', '/providers/acme', body)).status).toBe(200);
}

let channels = 0;

async function channel(kind: 'direct' | 'shared' | 'transcode'): Promise<string> {
  const body = { url: stage.provider.url(`/acme/${++channels}.ts`), metadata: { provider: 'acme' } };
  const created =
    kind === 'transcode'
      ? await stage.create('transcode', { ...body, profile: COPY })
      : await stage.create('streams', { ...body, shared: kind === 'shared' });
  return created.id;
}

async function watch(node: ClusterNode, id: string, user: string): Promise<Player> {
  const player = stage.play(node, `${id}?username=${user}`);
  await player.waitForPicture();
  return player;
}

function slots() {
  return stage.state.listSlots('acme');
}

test.each(['shared', 'direct'] as const)(
  'a viewer that zaps through other gateways takes its slot along, wherever the streams are played: %s',
  async (kind) => {
    const other = await watch(stage.gateways[0]!, await channel('shared'), 'other');
    const former: Player[] = [];
    for (let zap = 0; zap < 4; zap++) {
      if (zap % 2) await former.at(-1)!.close();
      former.push(await watch(stage.gateways[zap % 2]!, await channel(kind), 'zapper'));
    }
    for (const player of former.slice(0, -1)) await player.ended;
    await former.at(-1)!.waitForMedia(0.5);
    expect([former.at(-1)!.end, other.end]).toEqual([undefined, undefined]);
    expect(await slots()).toHaveLength(2);
  },
);

test('at the limit a viewer is told so through any node, and nobody else is disturbed', async () => {
  const [a, b, c] = [await channel('shared'), await channel('direct'), await channel('transcode')];
  const players = [await watch(stage.gateways[0]!, a, 'ann'), await watch(stage.gateways[1]!, b, 'bob')];
  for (const node of stage.gateways) {
    const refusal = await api(node, 'GET', `/stream/${c}?username=eve`);
    expect(refusal).toMatchObject({ status: 503, body: { code: 'PROVIDER_LIMIT' } });
    expect(refusal.headers['retry-after']).toMatch(/^\d+$/);
  }
  expect(players.map(({ end }) => end)).toEqual([undefined, undefined]);
});

test('SIGTERM of a worker at a provider with one connection: its stream moves to another one, with its viewers', async () => {
  const seen = stage.provider.stats('/acme/');
  const id = await channel('shared');
  const player = await watch(stage.gateways[0]!, id, 'ann');
  await limitTo(1);
  seen.max = 0;
  player.resetGap();
  const owner = await stage.ownerOf(id);
  await owner.stop();
  await player.waitForMedia(2);
  expectUndisturbed([player]);
  // A lease lasts 15 s.
  expect(longestGap([player])).toBeLessThan(12_000);
  expect(seen.max).toBe(1);
  await owner.start();
  await limitTo(2);
});

test('kill -9 of a worker frees its slots: its stream goes on at another one, and others get what it had', async () => {
  const shared = await channel('shared');
  const follower = await watch(stage.gateways[0]!, shared, 'follower');
  const owner = await stage.ownerOf(shared);
  await watch(owner, await channel('direct'), 'at-the-worker');
  const leases = (await slots()).filter(({ node }) => node === owner.name).map(({ lease }) => lease);
  expect(leases).toHaveLength(2);

  follower.resetGap();
  await owner.kill();
  // Both are needed at once: one for the stream itself, one for somebody new.
  const started = performance.now();
  const fresh = await watch(stage.gateways[1]!, await channel('shared'), 'fresh');
  await follower.waitForMedia(2);
  expectUndisturbed([follower, fresh]);
  expect(performance.now() - started).toBeLessThan(13_000);
  const now = await slots();
  expect(now).toHaveLength(2);
  expect(now.filter(({ lease }) => leases.includes(lease))).toEqual([]);
  await owner.start();
});
