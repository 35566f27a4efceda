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
/** 25 KB/s: whoever collects 64 KB before passing them on keeps it for more than two seconds. */
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
  await stage.open({ gateways: 4, workers: 2 });
  stage.provider.live('/live.ts', sample, { start: 'keyframe' });
}, 90_000);
afterEach(() => stage.hangUp());
afterAll(async () => {
  unready?.close();
  hesitant?.close();
  await stage.close();
}, 30_000);

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

// Each has gateways of its own: one of them is killed.
describe.each([
  { name: 'nginx', start: startNginx, own: [0, 1], checks: false },
  { name: 'HAProxy', start: startHaproxy, own: [2, 3], checks: true },
] as const)('$name, set up as in deploy/', ({ name, start, own, checks }) => {
  let balancer: Balancer;
  const players: Player[] = [];
  const gateways = () => own.map((index) => stage.gateways[index]!);

  beforeAll(async () => {
    const [a, b] = gateways();
    balancer = await start({ gateways: [placeOf(a!), placeOf(b!)], workers: workers() });
  });
  afterEach(async () => {
    await Promise.all(players.splice(0).map((player) => player.close()));
  });
  afterAll(() => balancer?.close());

  const create = (what: string) =>
    createStream(balancer, 'streams', {
      url: stage.provider.url(`/live.ts?${name}-${what}`),
      shared: true,
    });
  const play = (url: string, options?: PlayerOptions): Player => {
    const player = new Player(url, options);
    players.push(player);
    return player;
  };
  /** The nodes that hold the stream's viewers, once that many are in the records. */
  const nodesOf = async (streamId: string, viewers: number): Promise<string[]> => {
    const items = await waitFor(
      async () => {
        const page = await stage.state.listClients({ streamId });
        return page.items.length === viewers && page.items;
      },
      { what: `${viewers} viewers in the records` },
    );
    return items.map(({ node }) => node);
  };

  test('a first picture at once, and then every piece as it comes', async () => {
    const { url } = await create('flow');
    const player = play(url);
    expect(await player.waitForPicture()).toBeLessThan(1_500);
    expect(player.head).toMatchObject({ status: 200 });
    player.resetGap();
    await player.waitForMedia(4);
    expect(player.longestGapMs).toBeLessThan(600);
    const { syncErrors, continuityErrors, timestampErrors } = player.check;
    expect({ syncErrors, continuityErrors, timestampErrors }).toEqual({
      ...{ syncErrors: 0, continuityErrors: 0, timestampErrors: 0 },
    });
  });

  test('twenty viewers of a stream meet at one gateway, viewers of many streams do not', async () => {
    const { id, url } = await create('meeting');
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const viewers = Array.from({ length: 20 }, () => play(url, { headers }));
    await Promise.all(viewers.map((player) => player.waitForPicture()));
    const nodes = await nodesOf(id, 20);
    expect(new Set(nodes).size).toBe(1);
    expect(own.map((index) => `gateway-${index}`)).toContain(nodes[0]);
    // The address is that of the connection, whatever the viewer claims.
    const { items } = await stage.state.listClients({ streamId: id });
    expect(new Set(items.map(({ ip }) => ip))).toEqual(new Set(['127.0.0.1']));

    const streams = await Promise.all(Array.from({ length: 16 }, (_, i) => create(`apart-${i}`)));
    await Promise.all(streams.map((stream) => play(stream.url).waitForPicture()));
    const apart = await Promise.all(streams.map((stream) => nodesOf(stream.id, 1)));
    expect(new Set(apart.flat()).size).toBe(2);
  });

  test('the API is reached at every gateway, what is for nodes and Prometheus at none', async () => {
    const calls = await Promise.all(Array.from({ length: 20 }, () => api(balancer, 'GET', '/info')));
    const ids = calls.map(({ body }) => (body as { worker: { worker_id: string } }).worker.worker_id);
    expect([...new Set(ids)].sort()).toEqual(own.map((index) => `gateway-${index}`));
    const { id } = await create('internal');
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
    const { id } = await create('workers');
    await play(`${balancer.workersUrl}/stream/${id}`).waitForPicture();
    const [node] = await nodesOf(id, 1);
    expect(node).toMatch(/^worker-/);
    const elsewhere = { url: balancer.workersUrl };
    for (const path of [`/internal/streams/${id}/relay`, '/metrics', '/readyz', '/info', '/']) {
      expect([path, (await api(elsewhere, 'GET', path)).status]).toEqual([path, 404]);
    }
  });

  test('a gateway that is not ready gets nobody', async () => {
    const { id } = await create('unready');
    const other = await start({
      gateways: [placeOf(gateways()[0]!), addressOf(unready)],
      workers: workers(),
    });
    try {
      const streams = await Promise.all(Array.from({ length: 12 }, (_, i) => create(`unready-${i}`)));
      const viewers = [id, ...streams.map((stream) => stream.id)].map((stream) =>
        play(`${other.url}/stream/${stream}`),
      );
      await Promise.all(viewers.map((player) => player.waitForPicture()));
      const calls = await Promise.all(Array.from({ length: 12 }, () => api(other, 'GET', '/info')));
      expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
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

  test('kill -9 of a gateway: players that come back get their stream from the other one', async () => {
    const { id, url } = await create('killed');
    const viewers = Array.from({ length: 5 }, () => play(url));
    await Promise.all(viewers.map((player) => player.waitForPicture()));
    const [node] = await nodesOf(id, 5);
    const victim = stage.gateways[Number(node!.replace('gateway-', ''))]!;

    await victim.kill();
    await Promise.all(viewers.map(({ ended }) => ended));
    const again = Array.from({ length: 5 }, () => play(url));
    const pictures = await Promise.all(again.map((player) => player.waitForPicture()));
    expect(Math.max(...pictures)).toBeLessThan(3_000);
    // The killed one's viewers are in the records until its heartbeat is missed.
    const { items } = await waitFor(
      async () => {
        const page = await stage.state.listClients({ streamId: id });
        return page.items.filter((client) => client.node !== node).length === 5 && page;
      },
      { what: 'five viewers at the other gateway' },
    );
    const others = own.map((index) => `gateway-${index}`).filter((other) => other !== node);
    expect(items.map((client) => client.node).filter((other) => other !== node)).toEqual(
      again.map(() => others[0]),
    );
    const calls = await Promise.all(Array.from({ length: 10 }, () => api(balancer, 'GET', '/info')));
    expect(calls.map(({ status }) => status)).toEqual(calls.map(() => 200));
  });
});
