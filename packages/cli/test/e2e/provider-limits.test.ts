import { api, type Player, waitFor } from '@streampool/testkit';
import { COPY, Stage } from './stage.ts';

interface ShownProvider {
  readonly slots_in_use: number;
  readonly slots: readonly { readonly stream_id: string; readonly viewer: { client_id: string } | null }[];
}

const stage = new Stage();
beforeAll(async () => {
  await stage.open({ env: { SHARED_STREAM_TIMEOUT: '60' } });
  // Whatever is asked for below it is a channel of its own; its connections are counted together.
  stage.provider.live('/acme/', stage.sample, { start: 'keyframe' });
});
beforeEach(() => limit({}));
afterEach(async () => {
  await stage.hangUp();
  await api(stage.server, 'DELETE', '/streams/by-metadata?field=provider&value=acme&active_only=false');
  await waitFor(() => stage.provider.stats('/acme/').current === 0, { what: 'no connection left' });
  await waitFor(async () => (await acme()).slots_in_use === 0, { what: 'no slot left' });
  expect(stage.provider.stats('/acme/').max).toBeLessThanOrEqual(2);
  stage.mustRun();
});
afterAll(() => stage.close());

async function limit(body: Record<string, unknown>): Promise<void> {
  const { port } = stage.provider;
  const provider = { hosts: [`127.0.0.1:${port}`], max_connections: 2, ...body };
  expect((await api(stage.server, 'PUT', '/providers/acme', provider)).status).toBe(200);
}

async function acme(): Promise<ShownProvider> {
  const { body } = await api(stage.server, 'GET', '/providers');
  return (body as { providers: ShownProvider[] }).providers[0]!;
}

let channels = 0;

/** A channel that nobody has watched before. */
async function channel(kind: 'direct' | 'shared' | 'transcode', more: Record<string, unknown> = {}) {
  const url = stage.provider.url(`/acme/${++channels}.ts`);
  const body = { url, metadata: { provider: 'acme' }, ...more };
  if (kind === 'transcode') return stage.create('transcode', { ...body, profile: COPY });
  return stage.create('streams', { ...body, shared: kind === 'shared' });
}

async function watch(url: string, user: string): Promise<Player> {
  const player = stage.play(`${url}?username=${user}`);
  await player.waitForPicture();
  return player;
}

test('at the limit a viewer is told so at once enough, and operators see who has the connections', async () => {
  const [a, b, c] = [await channel('shared'), await channel('direct'), await channel('transcode')];
  const players = [await watch(a.url, 'ann'), await watch(b.url, 'bob')];
  const { slots_in_use, slots } = await acme();
  expect(slots_in_use).toBe(2);
  expect(slots.find(({ stream_id }) => stream_id === a.id)).toMatchObject({ viewer: null });
  expect(slots.find(({ stream_id }) => stream_id === b.id)).toMatchObject({ viewer: { username: 'bob' } });
  const refusal = await api(stage.server, 'GET', `/stream/${c.id}?username=eve`);
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^\d+$/) } });
  expect(refusal.body).toMatchObject({
    code: 'PROVIDER_LIMIT',
    detail: expect.stringContaining('acme has all its 2 connections in use, by 2 streams'),
  });
  expect(players.map(({ end }) => end)).toEqual([undefined, undefined]);
  const metrics = (await api(stage.server, 'GET', '/metrics')).text;
  expect(metrics).toContain('streampool_provider_slots_used{provider="acme"} 2');
  expect(metrics).toContain('streampool_provider_slots_max{provider="acme"} 2');
  expect(metrics).toMatch(/^streampool_provider_refusals_total\{provider="acme"\} [1-9]/m);
});

test.each(['shared', 'transcode', 'direct'] as const)(
  'a viewer that zaps takes its slot along, whether its old socket is seen to close or not: %s',
  async (kind) => {
    const other = await watch((await channel('shared')).url, 'other');
    const former: Player[] = [];
    for (let zap = 0; zap < 4; zap++) {
      const { url } = await channel(kind);
      // Every other time it has hung up before.
      if (zap % 2) await former.at(-1)!.close();
      former.push(await watch(url, 'zapper'));
    }
    for (const player of former.slice(0, -1)) await player.ended;
    await former.at(-1)!.waitForMedia(0.5);
    expect(former.at(-1)!.end).toBeUndefined();
    expect(other.end).toBeUndefined();
    expect((await acme()).slots_in_use).toBe(2);
  },
);

test('a stream that others watch too is not ended by one of them who zaps', async () => {
  const [a, b, c] = [await channel('shared'), await channel('shared'), await channel('shared')];
  const players = [await watch(a.url, 'ann'), await watch(a.url, 'bob'), await watch(b.url, 'cy')];
  expect(await api(stage.server, 'GET', `/stream/${c.id}?username=ann`)).toMatchObject({ status: 503 });
  // What she watched until now is over for her, since she wants something else; not for those who watch it, too.
  await waitFor(() => players[0]!.end !== undefined, { what: 'the end of the first player' });
  expect(players.slice(1).map(({ end }) => end)).toEqual([undefined, undefined]);
});

test.each(['shared', 'transcode'] as const)('failing over needs no second connection: %s', async (kind) => {
  await limit({ max_connections: 1 });
  const seen = stage.provider.stats('/acme/');
  const before = seen.total;
  seen.max = 0;
  const backup = stage.provider.url(`/acme/${++channels}.ts`);
  const { id, url } = await channel(kind, { failover_urls: [backup] });
  const player = await watch(url, 'ann');
  const answer = await api(stage.server, 'POST', `/streams/${id}/failover`);
  expect(answer).toMatchObject({ status: 200, body: { failover_index: 1 } });
  await player.waitForMedia(1);
  stage.provider.cut('/acme/', 'rst');
  await waitFor(() => seen.total >= before + 3, { what: 'a third connection' });
  await player.waitForMedia(1.5);
  expect([player.end, player.check.notes]).toEqual([undefined, []]);
  expect((await acme()).slots_in_use).toBe(1);
});

test('preemption ends the lowest priority, where the provider allows it', async () => {
  await limit({ preempt: true });
  const low = await watch((await channel('shared', { priority: -5 })).url, 'low');
  const middle = await watch((await channel('direct')).url, 'middle');
  const high = await watch((await channel('transcode', { priority: 5 })).url, 'high');
  expect(await low.ended).toBeDefined();
  expect([middle.end, high.end]).toEqual([undefined, undefined]);
  const equal = await channel('shared');
  expect((await api(stage.server, 'GET', `/stream/${equal.id}?username=eve`)).status).toBe(503);
});

test('a provider is found by the id that a stream names, a test of a URL counts, and a forgotten one has no limit', async () => {
  await limit({ hosts: [], max_connections: 0 });
  const named = await channel('shared', { provider_id: 'acme' });
  const refusal = await api(stage.server, 'GET', `/stream/${named.id}`);
  expect(refusal.body).toMatchObject({
    code: 'PROVIDER_LIMIT',
    detail: expect.stringContaining('allows no'),
  });
  const url = stage.provider.url('/acme/test.ts');
  const tested = async () => (await api(stage.server, 'POST', '/test-connection', { url })).body;
  expect(await tested()).toMatchObject({ success: true });
  await limit({ max_connections: 0 });
  expect(await tested()).toMatchObject({ success: false, error: 'PROVIDER_LIMIT' });
  expect((await api(stage.server, 'DELETE', '/providers/acme')).body).toEqual({
    provider_id: 'acme',
    deleted: true,
  });
  expect((await api(stage.server, 'DELETE', '/providers/acme')).body).toMatchObject({
    code: 'PROVIDER_NOT_FOUND',
  });
  expect(await tested()).toMatchObject({ success: true });
  await watch(named.url, 'ann');
  await limit({});
});
