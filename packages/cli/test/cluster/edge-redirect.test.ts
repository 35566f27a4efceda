import { type ClusterNode, ffmpegsOf, HlsReader, Player, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
const players: Player[] = [];
beforeAll(() =>
  stage.open({ gateways: 2, workers: 2, env: { EDGE_MODE: 'redirect', HLS_SEGMENT_DURATION: '1' } }),
);
beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await stage.repair();
});
afterAll(() => stage.close());

interface Sent {
  readonly status: number;
  readonly to: URL;
}

async function ask(gateway: ClusterNode, path: string, init: RequestInit = {}): Promise<Sent> {
  const response = await fetch(gateway.url + path, { ...init, redirect: 'manual' });
  await response.body?.cancel();
  return { status: response.status, to: new URL(response.headers.get('location') ?? 'none:') };
}

/** As players do it: asks the gateway, and plays what it is sent to. */
async function follow(gateway: ClusterNode, path: string): Promise<Player> {
  const { status, to } = await ask(gateway, path);
  expect(status).toBe(307);
  const player = new Player(to.href);
  players.push(player);
  return player;
}

test('every gateway sends the viewers of a stream to one worker, which plays it to all of them and knows them by their ids', async () => {
  const url = stage.provider.url('/live.ts?redirected');
  const { id } = await stage.create('transcode', { url, profile: COPY });
  const path = (n: number): string => `/stream/${id}?client_id=tv-${n}&username=user-${n}`;
  const watching = await Promise.all([0, 1, 2, 3].map((n) => follow(stage.gateways[n % 2]!, path(n))));
  await Promise.all(watching.map((player) => player.waitForMedia(1)));
  const owner = await stage.ownerOf(id);
  for (const gateway of stage.gateways) {
    for (const method of ['GET', 'HEAD']) {
      const { status, to } = await ask(gateway, path(9), { method });
      expect([status, to.origin]).toEqual([307, owner.url]);
    }
  }
  expect(stage.ffmpegs()).toHaveLength(1);
  expect(ffmpegsOf(owner.pid)).toHaveLength(1);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, total: 1 });
  await waitFor(async () => (await stage.state.getStream(id))?.viewers === 4, { what: 'four viewers' });
  const { items } = await stage.state.listClients({ streamId: id });
  expect(items.map((client) => [client.id, client.username, client.node]).sort()).toEqual(
    [0, 1, 2, 3].map((n) => [`tv-${n}`, `user-${n}`, owner.name]),
  );
  // A player that asks the worker's own address for what it would be sent to is told the same as any.
  const head = await fetch((await ask(stage.gateways[0]!, path(9))).to, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-type')]).toEqual([200, 'video/mp2t']);
});

test('a viewer that arrives at a worker which is not the owner is relayed to', async () => {
  const before = stage.provider.stats('/live.ts').total;
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?relayed'), shared: true });
  const first = await follow(stage.gateways[0]!, `/stream/${id}`);
  await first.waitForMedia(1);
  const owner = await stage.ownerOf(id);
  const other = stage.workers.find((worker) => worker !== owner)!;
  const { to } = await ask(stage.gateways[1]!, `/stream/${id}`);
  const late = new Player(`${other.url}${to.pathname}${to.search}`);
  players.push(late);
  await late.waitForMedia(1);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, total: before + 1 });
});

test('a worker that is drained sends the HLS players which poll it to the new owner, and does not wait for them', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?drained'), shared: true });
  const entry = `/hls/${id}/playlist.m3u8?client_id=tv`;
  let at = (await ask(stage.gateways[0]!, entry)).to;
  const poll = async (): Promise<string> => {
    const response = await fetch(at, { redirect: 'manual' });
    const text = await response.text();
    if (response.status === 307) at = new URL(response.headers.get('location')!);
    else expect([response.status, text]).toEqual([200, expect.stringContaining('#EXTINF')]);
    return at.origin;
  };
  await poll();
  const owner = await stage.ownerOf(id);
  expect(at.origin).toBe(owner.url);
  const drained = await fetch(`${stage.gateways[0]!.url}/workers/${owner.name}/drain`, { method: 'POST' });
  expect(drained.status).toBe(200);
  await waitFor(async () => (await poll()) !== owner.url, { everyMs: 500, what: 'being sent on' });
  await waitFor(() => !owner.running, { what: 'the end of the drained worker' });
  await poll();
  expect(await stage.ownerOf(id)).toBe(stage.workers.find((worker) => worker !== owner));
});

test('players of low-latency HLS are sent to the owner with every reload that waits, and go on at the next one', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?parts'), shared: true });
  const urls = stage.gateways.map(({ url }) => `${url}/hls/${id}/playlist.m3u8?ll=1`);
  const readers = urls.map((url) => new HlsReader(url, { lowLatency: true, record: true }));
  try {
    await Promise.all(readers.map((reader) => reader.waitForPlayed(2, 40_000)));
    for (const reader of readers) {
      expect(reader.report()).toMatchObject({ violations: [], playlistFailures: [], lost: 0, missed: 0 });
      expect(reader.report().parts).toBeGreaterThan(3);
    }
    const owner = await stage.ownerOf(id);
    // Whose connections end with it is told so by its gateway's next answer.
    await owner.kill();
    await Promise.all(readers.map((reader) => reader.waitForPlayed(4, 40_000)));
    for (const reader of readers)
      expect(reader.report().violations.filter((text) => /goes back/.test(text))).toEqual([]);
    expect(await stage.ownerOf(id)).toBe(stage.workers.find((worker) => worker !== owner));
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
});

test('whoever comes back after the owner was killed is sent to another worker at once; with no worker left it is told when to come again', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?killed'), shared: true });
  const first = await follow(stage.gateways[0]!, `/stream/${id}?client_id=tv`);
  await first.waitForMedia(1);
  const owner = await stage.ownerOf(id);
  await owner.kill();
  await first.ended;
  const again = await follow(stage.gateways[1]!, `/stream/${id}?client_id=tv`);
  await again.waitForMedia(1);
  const other = stage.workers.find((worker) => worker !== owner)!;
  await stage.waitForRecord(id, { owner: other.name });
  await other.kill();
  const response = await waitFor(async () => {
    const answer = await fetch(`${stage.gateways[0]!.url}/stream/${id}`, { redirect: 'manual' });
    return answer.status === 503 && answer;
  });
  expect(response.headers.get('retry-after')).toBe('2');
  expect(await response.json()).toMatchObject({ code: 'CAPACITY_EXHAUSTED' });
});
