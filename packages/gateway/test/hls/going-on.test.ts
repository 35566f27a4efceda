import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StreamDefinition } from '@streampool/state';
import { systemClock } from '@streampool/streaming';
import { GoingOn } from '../../src/hls/going-on.ts';
import { hlsViewer } from '../../src/hls/hls-viewer.ts';
import type { GatewayConfig } from '../../src/index.ts';
import { closeStages, edgeStage, playlistAnswer } from './edge-stage.ts';

const playlistOf = (sequence: number): string =>
  `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:${sequence}\n${Array.from({ length: 30 }, (_, index) => `#EXTINF:2.000,\nsegment/${sequence + index}.ts`).join('\n')}\n`;

const servers = new Set<Server>();
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers.clear();
  await closeStages();
});

/** The playlist is the same buffer until it moves on, as origins have it. */
async function stage(config: Partial<GatewayConfig> = {}) {
  let playlist = Buffer.from(playlistOf(7));
  let nowMs = 1_000;
  const { it, edge, origins } = await edgeStage({
    answer: () => playlistAnswer('', { maxAgeMs: 250, body: playlist }),
    config,
    // Time stands still at the edge, but where a test says otherwise.
    clock: { ...systemClock, now: () => nowMs },
  });
  const id = await it.define({ url: 'http://provider.example/live.ts', shared: true });
  const poll = (query = '', headers: Record<string, string> = {}) =>
    it.get(`/hls/${id}/playlist.m3u8${query}`, { headers });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const moveOn = (sequence: number): void => {
    playlist = Buffer.from(playlistOf(sequence));
  };
  return { it, edge, id, poll, pass, moveOn, asked: () => origins[0]?.asked.length };
}

type Options = ConstructorParameters<typeof GoingOn>[0];

/** Polls by a player of its own; undefined: that was left to the door. */
async function pollerOf(
  { edge, id }: Awaited<ReturnType<typeof stage>>,
  changes: Partial<Options['services']> = {},
) {
  const definition = { id } as StreamDefinition;
  const services = {
    viewerAccess: { isOpen: true },
    isClosing: () => false,
    sessions: { goesOn: () => true },
  };
  const goingOn = new GoingOn({
    ...{ edge, definitions: { known: () => definition } },
    services: { ...services, ...changes } as Options['services'],
  });
  const server = createServer((req, res) => {
    const query = new URLSearchParams(req.url?.split('?')[1]);
    const viewer = hlsViewer(req, query, id, () => '192.0.2.7');
    if (!goingOn.serve(req, res, { streamId: id, path: 'playlist.m3u8', query, viewer }))
      res.writeHead(599).end();
  });
  servers.add(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return async (query: string, init: RequestInit = {}): Promise<string | undefined> => {
    const response = await fetch(`http://127.0.0.1:${port}/?${query}`, init);
    const text = await response.text();
    return response.status === 200 ? text : undefined;
  };
}

test('players of one moment are given the same playlist, each with its own query, and the origin is not asked', async () => {
  const scene = await stage();
  const { edge, id, poll, pass, moveOn, asked } = scene;
  const ask = await pollerOf(scene);
  expect(await ask('client_id=a')).toBeUndefined();
  for (const player of ['a', 'b']) await poll(`?client_id=${player}`);
  const before = asked();
  moveOn(8);
  for (const player of ['a', 'b', 'a']) {
    const text = await ask(`client_id=${player}&u=me`, { headers: { 'accept-encoding': 'identity' } });
    expect(text).toContain(`segment/7.ts?client_id=${player}&u=me\n`);
  }
  expect([asked(), edge.audience.count(id)]).toEqual([before, 2]);
  pass(50);
  expect(await ask('client_id=a')).toBeUndefined();
});

test('what has to be checked, told or waited for is left to the door', async () => {
  const scene = await stage();
  await scene.poll('?client_id=a');
  const plain = { headers: { 'accept-encoding': 'identity' } };
  const ask = await pollerOf(scene);
  expect(await ask('client_id=a', plain)).toBeDefined();
  expect(await ask('client_id=a&signature=x', plain)).toBeUndefined();
  expect(await ask('client_id=a', { ...plain, method: 'HEAD' })).toBeUndefined();
  expect(await ask('client_id=stranger', plain)).toBeUndefined();
  // Compressed for this player alone.
  expect(await ask('client_id=a', { headers: { 'accept-encoding': 'gzip' } })).toBeUndefined();
  const cases: Partial<Options['services']>[] = [
    { isClosing: () => true },
    { viewerAccess: { isOpen: false } as Options['services']['viewerAccess'] },
    { sessions: { goesOn: () => false } as unknown as Options['services']['sessions'] },
  ];
  for (const changes of cases) {
    const other = await pollerOf(scene, changes);
    expect(await other('client_id=a', plain)).toBeUndefined();
  }
});

test('an answer without the origin says what one with it says', async () => {
  const { poll } = await stage();
  const seen = async () => {
    const response = await poll('', { origin: 'http://page.example', 'x-request-id': 'mine' });
    const { date: _, ...headers } = Object.fromEntries(response.headers);
    return { status: response.status, text: await response.text(), headers };
  };
  const first = await seen();
  expect(first.headers['content-encoding']).toBe('gzip');
  expect(await seen()).toEqual(first);
});

test('who was ended, or whose stream is gone, gets nothing of it', async () => {
  const { it, edge, id, poll } = await stage();
  for (const player of ['a', 'b']) await poll(`?client_id=${player}`);
  edge.disconnect('a');
  expect((await poll('?client_id=a')).status).toBe(410);
  expect((await poll('?client_id=b')).status).toBe(200);
  await it.send('DELETE', `/streams/${id}`);
  await edge.stop(id, 'stopped');
  expect((await poll('?client_id=b')).status).toBe(404);
});

test('where addresses are signed each is checked each time', async () => {
  const { it, id } = await stage({ streamUrlSecret: 'a secret of this test', streamUrlTtlMs: 60_000 });
  const { streams } = (await (await it.get('/streams')).json()) as { streams: { playlist_url: string }[] };
  const url = streams[0]!.playlist_url;
  expect((await it.get(`${url}&client_id=a`)).status).toBe(200);
  expect((await it.get(`/hls/${id}/playlist.m3u8?client_id=a`)).status).toBe(403);
  expect((await it.get(`${url}&client_id=a`)).status).toBe(200);
});
