import { StreampoolError } from '@streampool/errors';
import { networkDefinition, networkStreamId } from '../../src/broadcast/network-definition.ts';
import type { GatewayConfig } from '../../src/index.ts';
import { closeStages, edgeStage, mediaAnswer, playlistAnswer } from './edge-stage.ts';

const PLAYLIST = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.000,\nsegment/live000000.ts\n';
const ID = networkStreamId('one');

afterEach(closeStages);

/** A node with one network, which answers as those of the package broadcast do. */
async function stage(config: Partial<GatewayConfig> = {}) {
  const asked: string[] = [];
  const webhooks = {
    refusalOf: (url: string) =>
      url.includes('169.254.') ? new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', 'link-local') : undefined,
    send: async () => 200,
  };
  const { it, edge } = await edgeStage({
    answer({ path }) {
      asked.push(path);
      return path === 'live.m3u8'
        ? playlistAnswer(PLAYLIST, { targetDurationMs: 6_000, maxAgeMs: 750 })
        : mediaAnswer();
    },
    ...{ config, options: { webhooks } },
  });
  const body = { stream_url: 'http://provider.example/film.ts' } as never;
  const resolved = { args: ['-i', '{input_url}', '-f', 'mpegts', 'pipe:1'] } as never;
  await it.state.putStream(networkDefinition('one', body, resolved, { nowMs: 1_000, before: undefined }));
  return { it, edge, asked };
}

test('who watches a network is a viewer, known by its address and player, or by the id that it chose', async () => {
  const { it, edge, asked } = await stage();
  for (let polls = 0; polls < 2; polls++) {
    const response = await it.get('/broadcast/one/live.m3u8');
    expect(response.status).toBe(200);
    const segment = (await response.text()).split('\n').find((line) => line.endsWith('.ts'));
    expect((await it.get(`/broadcast/one/${segment}`)).status).toBe(200);
  }
  expect(edge.viewers(ID)).toMatchObject([{ streamId: ID, bytes: expect.any(Number) }]);
  expect(edge.viewers(ID)[0]!.bytes).toBeGreaterThan(20);
  const chosen = await (await it.get('/broadcast/one/live.m3u8?client_id=kodi')).text();
  expect(chosen).toContain('live000000.ts?client_id=kodi\n');
  expect(edge.viewers(ID).map(({ clientId }) => clientId)).toContain('kodi');
  expect(asked).toContain('segment/live000000.ts');
  expect(asked).not.toContain('playlist.m3u8');
});

test('the description has all addresses of a network, also those that its playlist names', async () => {
  const { it } = await stage();
  const { paths } = (await (await it.get('/openapi.json')).json()) as Record<string, Record<string, object>>;
  const query = [{ name: 'network' }, { name: 'number', in: 'path', required: true }, { name: 'client_id' }];
  const content = { 'video/mp2t': {} };
  expect(paths!['/broadcast/{network}/live{number}.ts']).toMatchObject({
    get: {
      parameters: expect.arrayContaining(query.map((one) => expect.objectContaining(one))),
      responses: { 200: { content }, 404: { description: expect.stringContaining('BROADCAST_NOT_FOUND') } },
    },
  });
  // The list of methods is that of the description.
  const refused = await it.send('POST', '/broadcast/one/live000000.ts');
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
});

test('a callback that may never be made is refused at the start, and the network goes on', async () => {
  const { it, asked } = await stage();
  const body = { stream_url: 'http://provider.example/b.ts', callback_url: 'http://169.254.169.254/' };
  const response = await it.send('POST', '/broadcast/one/start', body);
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    code: 'UPSTREAM_ADDRESS_FORBIDDEN',
    detail: 'callback_url: link-local',
  });
  expect(asked).toEqual([]);
});

test('what viewers were sent is still told when the last one has gone', async () => {
  const { it, edge } = await stage();
  const playlist = await (await it.get('/broadcast/one/live.m3u8?client_id=kodi')).text();
  const segment = playlist.split('\n').find((line) => line.includes('.ts'));
  await (await it.get(`/broadcast/one/${segment}`)).text();
  const [{ bytesOut = 0 } = {}] = edge.pools();
  expect(bytesOut).toBeGreaterThan(0);
  edge.disconnect('kodi');
  expect(edge.pools()).toMatchObject([{ streamId: ID, viewers: 0, bytesOut }]);
});

test('a viewer of a network can be ended, and is told so', async () => {
  const { it, edge } = await stage();
  await it.get('/broadcast/one/live.m3u8?client_id=kodi');
  expect(edge.disconnect('kodi')).toBe(true);
  const response = await it.get('/broadcast/one/live.m3u8?client_id=kodi');
  expect([response.status, (await response.json()) as object]).toMatchObject([410, { code: 'VIEWER_ENDED' }]);
});

test('the stream of a network is played below /hls, too; what nodes tell each other of it is not for players', async () => {
  const { it, asked } = await stage();
  expect(await (await it.get(`/hls/${ID}/playlist.m3u8`)).text()).toBe(PLAYLIST);
  // The name that nodes know it by is none of a player's, also where it was just answered.
  for (const path of ['status.json', 'live.m3u8'])
    expect([path, (await it.get(`/hls/${ID}/${path}`)).status]).toEqual([path, 404]);
  expect(asked).toEqual(['live.m3u8']);
});

test('there is no network of a stream that is none, and none of another name', async () => {
  const { it } = await stage();
  const response = await it.get('/broadcast/two/live.m3u8');
  expect([response.status, (await response.json()) as object]).toMatchObject([
    404,
    { code: 'BROADCAST_NOT_FOUND' },
  ]);
});

test('a network has no signature, and needs a token where everything does', async () => {
  const signed = await stage({ streamUrlSecret: 'a secret of this test' });
  expect((await signed.it.get('/broadcast/one/live.m3u8')).status).toBe(200);
  expect((await signed.it.get(`/hls/${ID}/playlist.m3u8`)).status).toBe(403);
  const guarded = await stage({ viewerAccess: 'token', apiToken: 'all of it' });
  expect((await guarded.it.get('/broadcast/one/live.m3u8')).status).toBe(401);
  const letIn = await guarded.it.get('/broadcast/one/live.m3u8?api_token=all%20of%20it');
  const text = await letIn.text();
  expect([letIn.status, text]).toEqual([
    200,
    expect.stringMatching(/live000000\.ts\?expires=\d+&signature=/),
  ]);
  const [segment] = /\S*live000000\.ts\S*/.exec(text) ?? [];
  expect((await guarded.it.get(`/broadcast/one/${segment}`)).status).toBe(200);
});

test('a programme goes on under the numbers of one that came to its end, and begins anew after a stop or a recording', () => {
  const body = { stream_url: 'http://provider.example/film.ts' } as never;
  const resolved = { args: [] } as never;
  const first = networkDefinition('one', body, resolved, { nowMs: 1_000, before: undefined });
  const after = (more: object): unknown => {
    const before = { ...first, programme: { ...first.programme!, ...more } };
    const { firstSegment, discontinuity } = networkDefinition('one', body, resolved, {
      ...{ nowMs: 9_000, before },
    }).programme!;
    return { firstSegment, discontinuity };
  };
  const anew = { firstSegment: 0, discontinuity: false };
  const goesOn = { firstSegment: undefined, discontinuity: true };
  expect(first.programme).toMatchObject(anew);
  expect(after({})).toEqual(goesOn);
  expect(after({ stoppedAtMs: 5_000, isOver: true })).toEqual(goesOn);
  expect(after({ stoppedAtMs: 5_000 })).toEqual(anew);
  expect(after({ stoppedAtMs: 5_000, isOver: true, recorded: true })).toEqual(anew);
  expect(after({ stoppedAtMs: 5_000, isOver: true, removed: true })).toEqual(anew);
});
