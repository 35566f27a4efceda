import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  api,
  createStream,
  makeSample,
  Player,
  type PlayerOptions,
  type Sample,
  waitFor,
} from '@streampool/testkit';
import { ClusterStage } from '../cluster/cluster-stage.ts';
import { type Balancer, startHaproxy, startNginx } from './balancer.ts';
import { shipped } from './shipped.ts';

const stage = new ClusterStage();
/** 25 KB/s: whoever collects 64 KB before passing them on keeps them for seconds. */
let sample: Sample;
/** Always there, never ready: it answers 503 to everything. */
let unready: Server;
/** Not ready either, but it serves what it knows, as gateways do while Redis is away. */
let hesitant: Server;
let timesChecked = 0;

beforeAll(async () => {
  unready = createServer((_, res) => res.writeHead(503).end());
  hesitant = createServer(({ url }, res) => {
    if (url === '/readyz') timesChecked += 1;
    res.writeHead(url === '/readyz' ? 503 : 200).end();
  });
  for (const server of [unready, hesitant]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  }
  sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 130, constantRate: true });
  // A source that is silent here is so on purpose.
  await stage.open({ gateways: 2, workers: 2, env: { STALL_TIMEOUT: '30' } });
  stage.provider.live('/live.ts', sample, { start: 'keyframe' });
});
afterEach(() => stage.hangUp());
afterAll(async () => {
  unready?.close();
  hesitant?.close();
  await stage.close();
});

const placeOf = ({ url }: { url: string }): string => new URL(url).host;
const addressOf = (server: Server): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
const workers = (): [string, string] => [placeOf(stage.workers[0]!), placeOf(stage.workers[1]!)];

test('what deploy/ and the operations guide ask of nodes is there', async () => {
  const files = [
    'deploy/kubernetes/gateway.yaml',
    'deploy/kubernetes/prometheus-adapter.example.yaml',
    'docs/operations.md',
  ];
  const named = files.flatMap(
    (file) => shipped(file).match(/\b(?:streampool|nodejs|process)_[a-z0-9_]+\b/g) ?? [],
  );
  expect(new Set(named).size).toBeGreaterThan(5);
  const paths = files.flatMap((file) =>
    [...shipped(file).matchAll(/^ +path: (\/\w+)$/gm)].map(([, path]) => path!),
  );
  expect(paths).toContain('/readyz');
  for (const node of [stage.gateways[0]!, stage.workers[0]!]) {
    for (const path of paths) expect([path, (await api(node, 'GET', path)).status]).toEqual([path, 200]);
  }
  const pages = await Promise.all(
    [...stage.gateways, ...stage.workers].map((node) => api(node, 'GET', '/metrics')),
  );
  const shown = new Set(pages.flatMap(({ text }) => text.match(/(?<=^# HELP )\w+/gm) ?? []));
  expect([...new Set(named)].filter((name) => !shown.has(name))).toEqual([]);
});

const players: Player[] = [];
const play = (url: string, options?: PlayerOptions): Player => {
  const player = new Player(url, options);
  players.push(player);
  return player;
};
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
});
const create = (balancer: Balancer, what: string) => {
  const url = stage.provider.url(`/live.ts?${what}-${new URL(balancer.url).port}`);
  return createStream(balancer, 'streams', { url, shared: true });
};
/** The nodes that hold the stream's viewers, once that many are in the records. */
async function nodesOf(streamId: string, viewers: number): Promise<string[]> {
  const items = await waitFor(
    async () => {
      const page = await stage.state.listClients({ streamId });
      return page.items.length === viewers && page.items;
    },
    { what: `${viewers} viewers in the records` },
  );
  return items.map(({ node }) => node);
}
/** Gateways that answer requests of the API. */
async function gatewaysBehind(balancer: Balancer): Promise<string[]> {
  const calls = await Promise.all(Array.from({ length: 20 }, () => api(balancer, 'GET', '/info')));
  expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
  const ids = calls.map(({ body }) => (body as { worker: { worker_id: string } }).worker.worker_id);
  return [...new Set(ids)].sort();
}
/** A stream that the balancer leads to that gateway, and its viewers. */
async function audienceAt(gateway: string, balancer: Balancer, viewers: number) {
  for (let i = 0; ; i++) {
    const stream = await create(balancer, `${gateway}-${i}`);
    const first = play(stream.url);
    await first.waitForPicture();
    if ((await nodesOf(stream.id, 1))[0] !== gateway) continue;
    const others = Array.from({ length: viewers - 1 }, () => play(stream.url));
    await Promise.all(others.map((player) => player.waitForPicture()));
    return { ...stream, players: [first, ...others] };
  }
}
const BOTH = ['gateway-0', 'gateway-1'];
const balancers: Balancer[] = [];
afterAll(() => Promise.all(balancers.map((balancer) => balancer.close())));

describe.each([
  { name: 'nginx', start: startNginx, checks: false },
  { name: 'HAProxy', start: startHaproxy, checks: true },
] as const)('$name, set up as in deploy/', ({ start, checks }) => {
  let balancer: Balancer;

  beforeAll(async () => {
    const [a, b] = stage.gateways;
    balancer = await start({ gateways: [placeOf(a!), placeOf(b!)], workers: workers() });
    balancers.push(balancer);
  });

  test('every piece is passed on as it comes', async () => {
    const { id, url } = await create(balancer, 'flow');
    const [player, direct] = [play(url), stage.play(stage.gateways[0]!, id)];
    const newest = new Map<Player, number>();
    for (const one of [player, direct]) one.check.onPcr = (base) => newest.set(one, base);
    await Promise.all([player, direct].map((one) => one.waitForMedia(2)));
    expect(player.head).toMatchObject({ status: 200 });
    // When nothing more comes, whoever looks past the balancer has seen no more.
    stage.provider.stall('/live.ts');
    direct.resetGap();
    await waitFor(() => direct.longestGapMs > 700);
    await waitFor(() => newest.get(player) === newest.get(direct), { what: 'the last piece' });
    const { syncErrors, continuityErrors, timestampErrors } = player.check;
    expect({ syncErrors, continuityErrors, timestampErrors }).toEqual({
      ...{ syncErrors: 0, continuityErrors: 0, timestampErrors: 0 },
    });
  });

  test('twenty viewers of a stream meet at one gateway, viewers of many streams do not', async () => {
    const { id, url } = await create(balancer, 'meeting');
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const viewers = Array.from({ length: 20 }, () => play(url, { headers }));
    await Promise.all(viewers.map((player) => player.waitForPicture()));
    const nodes = await nodesOf(id, 20);
    expect(new Set(nodes).size).toBe(1);
    expect(nodes[0]).toMatch(/^gateway-/);
    // The address is that of the connection, whatever the viewer claims.
    const { items } = await stage.state.listClients({ streamId: id });
    expect(new Set(items.map(({ ip }) => ip))).toEqual(new Set(['127.0.0.1']));

    const streams = await Promise.all(Array.from({ length: 16 }, (_, i) => create(balancer, `apart-${i}`)));
    await Promise.all(streams.map((stream) => play(stream.url).waitForPicture()));
    const apart = await Promise.all(streams.map((stream) => nodesOf(stream.id, 1)));
    expect(new Set(apart.flat()).size).toBe(2);
  });

  test('the API is reached at every gateway, what is for nodes and Prometheus at none', async () => {
    expect(await gatewaysBehind(balancer)).toEqual(BOTH);
    const { id } = await create(balancer, 'internal');
    for (const path of [
      `/internal/streams/${id}/relay`,
      `/%69nternal/streams/${id}/relay`,
      '/internal',
      '/metrics',
    ]) {
      expect([path, (await api(balancer, 'GET', path)).status]).toEqual([path, 404]);
    }
  });

  test('players may be led to the workers, where there is nothing else for them', async () => {
    const { id } = await create(balancer, 'workers');
    await play(`${balancer.workersUrl}/stream/${id}`).waitForPicture();
    const [node] = await nodesOf(id, 1);
    expect(node).toMatch(/^worker-/);
    const elsewhere = { url: balancer.workersUrl };
    for (const path of [`/internal/streams/${id}/relay`, '/metrics', '/readyz', '/info', '/']) {
      expect([path, (await api(elsewhere, 'GET', path)).status]).toEqual([path, 404]);
    }
  });

  test('a gateway that is not ready gets nobody', async () => {
    const { id } = await create(balancer, 'unready');
    const other = await start({
      gateways: [placeOf(stage.gateways[0]!), addressOf(unready)],
      workers: workers(),
    });
    try {
      const streams = await Promise.all(
        Array.from({ length: 12 }, (_, i) => create(balancer, `unready-${i}`)),
      );
      const viewers = [id, ...streams.map((stream) => stream.id)].map((stream) =>
        play(`${other.url}/stream/${stream}`),
      );
      await Promise.all(viewers.map((player) => player.waitForPicture()));
      expect(await gatewaysBehind(other)).toEqual(['gateway-0']);
    } finally {
      await other.close();
    }
  });

  test('when no gateway is ready, they are asked nevertheless', async () => {
    const place = addressOf(hesitant);
    const other = await start({ gateways: [place, place], workers: workers() });
    try {
      timesChecked = 0;
      if (checks) await waitFor(() => timesChecked >= 6, { what: 'three checks of each' });
      expect((await api(other, 'GET', '/stream/known')).status).toBe(200);
    } finally {
      await other.close();
    }
  });
});

test('kill -9 of a gateway: players that come back get their stream from the other one, until it is there again', async () => {
  const audiences = await Promise.all(balancers.map((balancer) => audienceAt('gateway-0', balancer, 5)));
  expect(audiences).toHaveLength(2);
  await stage.gateways[0]!.kill();
  await Promise.all(audiences.flatMap((audience) => audience.players).map(({ ended }) => ended));
  for (const { id, url } of audiences) {
    const again = Array.from({ length: 5 }, () => play(url));
    const pictures = await Promise.all(again.map((player) => player.waitForPicture()));
    // The lease of the one that was killed lasts 15 s.
    expect(Math.max(...pictures)).toBeLessThan(12_000);
    // The killed one's viewers are in the records until its heartbeat is missed.
    await waitFor(
      async () => {
        const { items } = await stage.state.listClients({ streamId: id });
        return items.filter(({ node }) => node === 'gateway-1').length === 5;
      },
      { what: 'five viewers at the other gateway' },
    );
  }
  for (const balancer of balancers) expect(await gatewaysBehind(balancer)).toEqual(['gateway-1']);
  await stage.gateways[0]!.start();
  for (const balancer of balancers) {
    await waitFor(async () => (await gatewaysBehind(balancer)).length === 2, {
      what: 'both gateways in use',
    });
  }
});

test('SIGTERM of a gateway: newcomers are led to the other one, and those that are there are served on for a while', async () => {
  const audiences = await Promise.all(balancers.map((balancer) => audienceAt('gateway-1', balancer, 2)));
  const leaving = stage.gateways[1]!;
  const gone = leaving.stop();
  await waitFor(async () => (await api(leaving, 'GET', '/readyz')).status === 503, {
    what: 'not being ready',
  });
  const newcomers = audiences.flatMap(({ url }) => [play(url), play(url)]);
  await Promise.all(newcomers.map((player) => player.waitForPicture()));
  for (const { players: before } of audiences) {
    expect(before.map(({ end }) => end)).toEqual([undefined, undefined]);
  }
  for (const { id } of audiences) {
    expect((await nodesOf(id, 4)).filter((node) => node === 'gateway-0')).toHaveLength(2);
  }
  // They end properly, not in the middle of something.
  for (const { players: before } of audiences) {
    for (const { ended } of before) expect(await ended).toMatch(/^(?:fin|complete)$/);
  }
  expect(await gone).toBe(0);
  expect(newcomers.map(({ end }) => end)).toEqual(newcomers.map(() => undefined));
  for (const balancer of balancers) expect(await gatewaysBehind(balancer)).toEqual(['gateway-0']);
});
