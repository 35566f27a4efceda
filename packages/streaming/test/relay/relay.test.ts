import type { Socket } from 'node:net';
import { isStreampoolError } from '@streampool/errors';
import { FakeProvider, makeSample, Player, type Sample, waitFor } from '@streampool/testkit';
import type { Deposed, Placement } from '../../src/index.ts';
import { EngineHost } from '../engine-host.ts';

const STREAM = 'stream-0';
const SETTINGS = { sharedStreamTimeoutMs: 300, stallTimeoutMs: 4_000, streamTimeoutMs: 10_000 };

/** Who owns the one stream: what the cluster's state would say. */
class OwnerTable {
  owner = '';
  epoch = 0;
  readonly urls = new Map<string, string>();
  /** Called when a node is asked for a relay, before it looks. */
  onRelay: () => void = () => {};
  asked: { node: string; deposes?: Deposed }[] = [];

  acquire(node: string, deposes?: Deposed): Placement {
    this.asked.push({ node, ...(deposes && { deposes }) });
    if (this.owner === '' || (deposes?.epoch === this.epoch && this.owner !== node)) {
      this.owner = node;
      this.epoch += 1;
    }
    const { owner, epoch } = this;
    return owner === node ? { here: true, epoch } : { here: false, url: this.urls.get(owner)!, owner, epoch };
  }
}

let sample: Sample;
let provider: FakeProvider;
let table: OwnerTable;
const hosts: EngineHost[] = [];
const players: Player[] = [];

beforeAll(async () => {
  sample = await makeSample({ seconds: 6, gopSeconds: 1 });
});
beforeEach(async () => {
  table = new OwnerTable();
  provider = await FakeProvider.start();
  provider.live('/live.ts', sample, { start: 'keyframe' });
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await Promise.all(hosts.splice(0).map((host) => host.close()));
  await provider.close();
});

interface Node {
  readonly host: EngineHost;
  readonly url: string;
  /** Sockets of nodes that relay from this one. */
  readonly relays: Set<Socket>;
}

async function node(name: string, path = '/live.ts'): Promise<Node> {
  const host = await EngineHost.start(SETTINGS, {
    node: name,
    token: 'secret',
    ownership: { acquire: async (_id, { deposes }) => table.acquire(name, deposes) },
  });
  hosts.push(host);
  const url = host.add({ url: provider.url(path), id: STREAM });
  table.urls.set(name, host.url);
  const relays: Node['relays'] = new Set();
  host.onInternal = (req, res, { pathname, searchParams }) => {
    if (!pathname.startsWith('/internal/')) return false;
    expect(req.headers.authorization).toBe('Bearer secret');
    const epoch = Number(searchParams.get('epoch'));
    table.onRelay();
    relays.add(req.socket);
    req.socket.once('close', () => relays.delete(req.socket));
    host.engine
      .relay(host.spec(STREAM), {
        node: String(req.headers['x-streampool-node']),
        epoch: table.epoch,
        joinNext: searchParams.get('join') === 'next',
        ...(epoch > 0 && {
          resume: { epoch, ring: searchParams.get('ring')!, offset: Number(searchParams.get('offset')) },
        }),
        req,
        res,
      })
      .catch((error: unknown) => {
        if (!isStreampoolError(error)) throw error;
        res.writeHead(error.status).end(JSON.stringify({ code: error.code, detail: error.message }));
      });
    return true;
  };
  return { host, url, relays };
}

function play(url: string): Player {
  const player = new Player(url);
  players.push(player);
  return player;
}

function expectClean({ check: { syncErrors, continuityErrors, timestampErrors, notes } }: Player): void {
  expect({ syncErrors, continuityErrors, timestampErrors, notes }).toEqual({
    ...{ syncErrors: 0, continuityErrors: 0, timestampErrors: 0, notes: [] },
  });
}

const poolOf = ({ host }: Node) => host.engine.pools()[0];

test('a node that is not the owner plays over one connection to the owner, and is no viewer there', async () => {
  const [a, b] = [await node('a'), await node('b')];
  const first = play(a.url);
  await first.waitForPicture();
  const followers = Array.from({ length: 10 }, () => play(b.url));
  await Promise.all(followers.map((player) => player.waitForMedia(2)));
  expect(a.relays.size).toBe(1);
  expect(poolOf(a)).toMatchObject({ viewers: 1, relayed: false, relays: 1 });
  expect(poolOf(b)).toMatchObject({ viewers: 10, relayed: true, relays: 0 });
  expect(provider.stats('/live.ts')).toMatchObject({ total: 1 });
  for (const player of followers) expectClean(player);

  // The owner's pool goes on for the other node alone, and ends some time after it.
  await first.close();
  await followers[0]!.waitForMedia(1);
  await Promise.all(followers.map((player) => player.close()));
  await waitFor(() => provider.stats('/live.ts').current === 0);
});

test('a connection that is cut is taken up where it ended: no byte is missing and nobody asks for an owner', async () => {
  const [a, b] = [await node('a'), await node('b')];
  await play(a.url).waitForPicture();
  const follower = play(b.url);
  await follower.waitForMedia(1);
  const asked = table.asked.length;
  for (const socket of a.relays) socket.resetAndDestroy();
  await follower.waitForMedia(2);
  expect(table.asked).toHaveLength(asked);
  expect(poolOf(b)).toMatchObject({ restarts: 0 });
  expectClean(follower);
});

test('a silent provider is no dead owner: what the owner does about it is waited for', async () => {
  provider.fault('/live.ts', { kind: 'stall', afterBytes: 400_000 }, { times: 1 });
  const [a, b] = [await node('a'), await node('b')];
  await play(a.url).waitForPicture();
  const follower = play(b.url);
  await waitFor(() => poolOf(a)?.restarts === 1);
  await follower.waitForMedia(2);
  expect(table.epoch).toBe(1);
  expect(poolOf(b)).toMatchObject({ restarts: 0 });
  expectClean(follower);
});

test('when the owner dies a follower takes over, the others follow it, and viewers see one stream', async () => {
  const [a, b, c] = [await node('a'), await node('b'), await node('c')];
  await play(a.url).waitForPicture();
  const followers = [play(b.url), play(c.url)];
  await Promise.all(followers.map((player) => player.waitForMedia(1)));
  a.host.die();
  await Promise.all(followers.map((player) => player.waitForMedia(3)));
  expect(table).toMatchObject({ epoch: 2, owner: expect.stringMatching(/[bc]/) });
  const relayed = [poolOf(b), poolOf(c)].map((pool) => pool?.relayed);
  expect(relayed.sort()).toEqual([false, true]);
  for (const player of followers) {
    expect(player.end).toBeUndefined();
    expectClean(player);
  }
});

test('who loses the ownership becomes a follower of the new owner, with its viewers', async () => {
  const [a, b] = [await node('a'), await node('b')];
  const viewers = [play(a.url), play(b.url)];
  await Promise.all(viewers.map((player) => player.waitForMedia(1)));
  expect(table.acquire('b', { owner: 'a', epoch: 1 })).toMatchObject({ here: true, epoch: 2 });
  a.host.engine.follow(STREAM, 2);
  await Promise.all(viewers.map((player) => player.waitForMedia(3)));
  expect([poolOf(a)?.relayed, poolOf(b)?.relayed]).toEqual([true, false]);
  expect(provider.stats('/live.ts')).toMatchObject({ current: 1 });
  for (const player of viewers) expectClean(player);
});

test('an owner that cannot play says why, and its followers’ viewers are told', async () => {
  const [a, b] = [await node('a', '/nowhere.ts'), await node('b', '/nowhere.ts')];
  table.acquire('a');
  expect((await play(b.url).waitForHead()).status).toBe(502);
  expect(poolOf(a)).toBeUndefined();
});

/** Nothing may be seen of it: no silence is waited for. */
function expectNoGap(player: Player): void {
  expectClean(player);
  expect(player.end).toBeUndefined();
  expect(player.longestGapMs).toBeLessThan(SETTINGS.stallTimeoutMs);
}

test('a stream is handed over without a gap: its viewers, and other nodes, change over to the new owner', async () => {
  const [a, b, c] = [await node('a'), await node('b'), await node('c')];
  const viewers = [play(a.url), play(c.url)];
  await Promise.all(viewers.map((player) => player.waitForMedia(1)));
  for (const player of viewers) player.resetGap();
  table.onRelay = () => void table.acquire('b', { owner: 'a', epoch: 1 });
  await a.host.engine.handOver(STREAM, { here: false, url: b.host.url, owner: 'b', epoch: 1, deposes: 1 });
  expect(provider.stats('/live.ts').max).toBe(2);
  await waitFor(() => b.relays.size === 2 && a.relays.size === 0, { what: 'all being with the new owner' });
  await Promise.all(viewers.map((player) => player.waitForMedia(2)));
  expect([poolOf(a), poolOf(b), poolOf(c)].map((pool) => pool?.relayed)).toEqual([true, false, true]);
  expect(poolOf(c)).toMatchObject({ ownerEpoch: 2 });
  expect(provider.stats('/live.ts').current).toBe(1);
  for (const player of viewers) expectNoGap(player);
});

test('a stream that has viewers where it is handed over to is no ring of relays', async () => {
  const [a, b] = [await node('a'), await node('b')];
  const viewers = [play(a.url), play(b.url)];
  await Promise.all(viewers.map((player) => player.waitForMedia(1)));
  for (const player of viewers) player.resetGap();
  table.onRelay = () => void table.acquire('b', { owner: 'a', epoch: 1 });
  await a.host.engine.handOver(STREAM, { here: false, url: b.host.url, owner: 'b', epoch: 1, deposes: 1 });
  await waitFor(() => a.relays.size === 0);
  await Promise.all(viewers.map((player) => player.waitForMedia(2)));
  expect([poolOf(a)?.relayed, poolOf(b)?.relayed]).toEqual([true, false]);
  await waitFor(() => provider.stats('/live.ts').current === 1);
  for (const player of viewers) expectNoGap(player);
});

test('a hand-over that fails changes nothing', async () => {
  const [a, b] = [await node('a'), await node('b', '/nowhere.ts')];
  const viewer = play(a.url);
  await viewer.waitForMedia(1);
  viewer.resetGap();
  table.onRelay = () => void table.acquire('b', { owner: 'a', epoch: 1 });
  const place = { here: false, url: b.host.url, owner: 'b', epoch: 1, deposes: 1 } as const;
  await expect(a.host.engine.handOver(STREAM, place)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  await viewer.waitForMedia(2);
  expect(poolOf(a)).toMatchObject({ relayed: false });
  expectNoGap(viewer);
});

test('a stream can be handed over again and again', async () => {
  const [a, b, g] = [await node('a'), await node('b'), await node('g')];
  table.acquire('a');
  const viewer = play(g.url);
  await viewer.waitForMedia(1);
  viewer.resetGap();
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, b],
  ] as const) {
    const { owner, epoch } = table;
    const next = owner === 'a' ? 'b' : 'a';
    table.onRelay = () => void table.acquire(next, { owner, epoch });
    await from.host.engine.handOver(STREAM, {
      here: false,
      url: to.host.url,
      owner: next,
      epoch,
      deposes: epoch,
    });
    await waitFor(() => from.relays.size === 0, { what: 'the other node being gone' });
    await viewer.waitForMedia(1);
    await waitFor(() => poolOf(from) === undefined);
  }
  expect(table.epoch).toBe(4);
  expectNoGap(viewer);
});
