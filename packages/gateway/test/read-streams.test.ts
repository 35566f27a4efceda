import type { z } from 'zod';
import * as server from '../src/schemas/server-responses.ts';
import * as streams from '../src/schemas/stream-responses.ts';
import { poolSnapshot } from './fake-engine.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const url = (name: string): string => `http://provider.example/live/${name}.ts`;

/** Two channels of one playlist, the second one watched by two. */
async function playlist(): Promise<{ it: GatewayUnderTest; idle: string; watched: string }> {
  const it = await GatewayUnderTest.start();
  const idle = await it.define({ url: url('a'), metadata: { playlist: 'p', id: '1' } });
  const watched = await it.define({ url: url('b'), metadata: { playlist: 'p', id: '2' } });
  await it.define({ url: url('c'), metadata: { playlist: 'q', id: '3' } });
  for (const client of ['one', 'two']) await it.get(`/stream/${watched}?client_id=${client}&u=${client}`);
  return { it, idle, watched };
}

test('every answer has the documented shape', async () => {
  const { it, watched } = await playlist();
  const shapes: [path: string, schema: z.ZodObject][] = [
    ['/', server.rootAnswer],
    ['/health', server.healthAnswer],
    ['/healthz', server.livenessAnswer],
    ['/readyz', server.readinessAnswer],
    ['/info', server.infoAnswer],
    ['/stats', server.statsAnswer],
    ['/stats/detailed', server.detailedAnswer],
    ['/stats/performance', server.performanceAnswer],
    ['/stats/streams', streams.streamStatsList],
    ['/stats/clients', streams.clientList],
    ['/clients', streams.clientList],
    ['/clients/one', streams.shownClient],
    ['/workers', server.workersAnswer],
    ['/streams', streams.streamList],
    [`/streams/${watched}`, streams.streamDetail],
    ['/streams/by-metadata?field=playlist&value=p', streams.matchingStreams],
    ['/streams/counts-by-metadata?field=playlist&values=p,q', streams.metadataCounts],
    ['/transcode/profiles', server.profilesAnswer],
  ];
  for (const [path, schema] of shapes) {
    const response = await it.get(path);
    expect([path, response.status]).toEqual([path, 200]);
    const result = schema.strict().safeParse(await json(response));
    expect([path, result.error?.issues]).toEqual([path, undefined]);
  }
});

test('the list has all streams; pages follow one another', async () => {
  const { it } = await playlist();
  expect(await json(it.get('/streams'))).toMatchObject({ total: 3 });
  const ids: string[] = [];
  let after = '';
  for (let page = 0; page < 4; page += 1) {
    const part = await json(it.get(`/streams?limit=2${after && `&after=${encodeURIComponent(after)}`}`));
    ids.push(...part.streams.map((stream: { stream_id: string }) => stream.stream_id));
    if (!part.next) break;
    after = part.next;
  }
  expect(new Set(ids).size).toBe(3);
  expect((await it.get('/streams?limit=0')).status).toBe(422);
  expect((await it.get('/streams?after=nonsense')).status).toBe(400);
});

test('viewers count at once, without waiting for a heartbeat', async () => {
  const { it, watched, idle } = await playlist();
  const list = await json(it.get('/streams'));
  const counts = Object.fromEntries(
    list.streams.map((stream: { stream_id: string; client_count: number }) => [
      stream.stream_id,
      stream.client_count,
    ]),
  );
  expect(counts).toMatchObject({ [watched]: 2, [idle]: 0 });
  const detail = await json(it.get(`/streams/${watched}`));
  expect(detail).toMatchObject({ client_count: 2, stream: { state: 'live', is_active: true } });
  expect(detail.clients).toHaveLength(2);
  expect(detail.clients[0]).toMatchObject({
    client_id: 'one',
    username: 'one',
    ip_address: '127.0.0.1',
    is_connected: true,
  });
});

test('what this process owned by the records but no longer plays is idle', async () => {
  const { it, idle } = await playlist();
  await it.state.claim(idle, { id: 'node-1', host: 'h' });
  await it.state.report({ streamId: idle, epoch: 1, state: 'live' });
  expect((await json(it.get(`/streams/${idle}`))).stream).toMatchObject({ state: 'idle', client_count: 0 });
});

test('several pools of one stream are shown as one', async () => {
  const { it, watched } = await playlist();
  it.engine.poolSnapshots = [
    poolSnapshot({ streamId: watched, viewers: 3, bytesOut: 10 }),
    poolSnapshot({ streamId: watched, viewers: 4, bytesOut: 5 }),
  ];
  expect((await json(it.get(`/streams/${watched}`))).stream).toMatchObject({
    client_count: 7,
    total_bytes_served: 15,
  });
});

describe('by metadata', () => {
  test('only watched streams, or all', async () => {
    const { it, watched } = await playlist();
    expect(await json(it.get('/streams/by-metadata?field=playlist&value=p'))).toMatchObject({
      filter: { field: 'playlist', value: 'p' },
      active_only: true,
      matching_streams: [
        { stream_id: watched, client_count: 2, metadata: { id: '2' }, stream_type: 'Live Continuous' },
      ],
      total_matching: 1,
      total_clients: 2,
    });
    for (const no of ['false', '0']) {
      const all = await json(it.get(`/streams/by-metadata?field=playlist&value=p&active_only=${no}`));
      expect(all.total_matching).toBe(2);
    }
  });

  test('counts for several values', async () => {
    const { it } = await playlist();
    expect(
      await json(it.get('/streams/counts-by-metadata?field=playlist&values=p,q,%20none&active_only=1')),
    ).toEqual({
      field: 'playlist',
      counts: { p: 1, q: 0, none: 0 },
    });
  });

  test.each(['', '?field=a', '?value=a', '?field=a&field=b&value=c', '?field=a&value=b&active_only=perhaps'])(
    'a query such as "%s" is refused',
    async (query) => {
      const it = await GatewayUnderTest.start();
      const response = await it.get(`/streams/by-metadata${query}`);
      expect(response.status).toBe(422);
    },
  );
});

test('VOD and HLS are told by their address', async () => {
  const it = await GatewayUnderTest.start();
  const typeOf = async (address: string) => {
    const id = await it.define({ url: address });
    return (await json(it.get(`/streams/${id}`))).stream.stream_type;
  };
  expect(await typeOf('http://h/movie/u/p/5.mkv')).toBe('VOD');
  expect(await typeOf('http://h/film.MP4?token=1')).toBe('VOD');
  expect(await typeOf('http://h/live/index.m3u8?x=1')).toBe('HLS');
  expect(await typeOf('http://h/u/p/123')).toBe('Live Continuous');
});
