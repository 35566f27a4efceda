import { poolSnapshot } from './fake-engine.ts';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

const url = (name: string): string => `http://provider.example/live/${name}.ts`;

test('a deleted stream is stopped, its viewers end, and it is unknown', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url: url('a') });
  await it.get(`/stream/${id}`);
  const response = await it.send('DELETE', `/streams/${id}`);
  expect(response.status).toBe(200);
  expect(await json(response)).toEqual({ message: `Stream ${id} deleted`, disconnected_clients: 1 });
  expect(it.engine.stopped).toEqual([id]);
  for (const [method, path] of [
    ['DELETE', `/streams/${id}`],
    ['GET', `/streams/${id}`],
    ['GET', `/stream/${id}`],
  ] as const) {
    const gone = await it.send(method, path);
    expect(gone.status).toBe(404);
    expect((await json(gone)).code).toBe('STREAM_NOT_FOUND');
  }
});

describe('by metadata', () => {
  async function three() {
    const it = await GatewayUnderTest.start();
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      ids.push(await it.define({ url: url(name), metadata: { playlist: 'p', id: name } }));
    }
    return { it, ids };
  }

  test('all but the excluded one', async () => {
    const { it, ids } = await three();
    const answer = await json(
      it.send('DELETE', '/streams/by-metadata?field=playlist&value=p&exclude_channel_id=b'),
    );
    expect(answer).toMatchObject({
      message: 'Deleted 2 stream(s) matching playlist=p',
      skipped_streams: [{ stream_id: ids[1], reason: 'excluded_by_channel_id' }],
      deleted_count: 2,
    });
    expect(new Set(answer.deleted_streams)).toEqual(new Set([ids[0], ids[2]]));
  });

  test('parameters in the body, as PHP clients send them', async () => {
    const { it } = await three();
    const answer = await json(it.send('DELETE', '/streams/by-metadata', { field: 'id', value: 'a' }));
    expect(answer.deleted_count).toBe(1);
  });

  test('without force what others watch is kept; the one that leaves does not count', async () => {
    const { it, ids } = await three();
    await (await it.get(`/stream/${ids[0]}?client_id=me`)).text();
    await (await it.get(`/stream/${ids[1]}?client_id=me-too`)).text();
    const answer = await json(
      it.send('DELETE', '/streams/by-metadata?field=playlist&value=p&force=false&client_id=me'),
    );
    expect(new Set(answer.deleted_streams)).toEqual(new Set([ids[0], ids[2]]));
    expect(answer.skipped_streams).toEqual([
      { stream_id: ids[1], reason: 'has_active_clients', active_clients: 1 },
    ]);
  });

  test('the oldest is the one that has been playing longest, not one that nobody plays', async () => {
    const { it, ids } = await three();
    const nowMs = Date.now();
    it.engine.poolSnapshots = [
      poolSnapshot({ streamId: ids[1]!, startedAt: nowMs - 5_000 }),
      poolSnapshot({ streamId: ids[2]!, startedAt: nowMs - 60_000 }),
    ];
    const answer = await json(it.send('DELETE', '/streams/oldest-by-metadata?field=playlist&value=p'));
    expect(answer).toMatchObject({ deleted_stream: ids[2], deleted_count: 1 });
    expect(answer.stream_age_seconds).toBeGreaterThanOrEqual(60);
    const other = await json(
      it.send('DELETE', '/streams/oldest-by-metadata?field=playlist&value=p&exclude_channel_id=b'),
    );
    expect(other.deleted_stream).toBe(ids[0]);
    const none = await json(it.send('DELETE', '/streams/oldest-by-metadata?field=playlist&value=none'));
    expect(none).toMatchObject({ deleted_stream: null, deleted_count: 0 });
  });
});
