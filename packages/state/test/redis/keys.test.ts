import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { loadScripts } from '../../src/redis/scripts.ts';
import { RedisClusterState } from '../../src/redis.ts';
import { beat, client, definition, idOf, worker } from '../contract/records.ts';
import { useRedis } from './use-redis.ts';

const redis = useRedis();
let state: RedisClusterState;

beforeEach(() => {
  state = new RedisClusterState({ url: redis.url });
});

afterEach(() => state.close());

/** A cluster of one worker, one transcoded stream, one viewer. */
async function liveStream(): Promise<void> {
  await state.putStream(definition(1, { metadata: { group: 'news' }, profile: 'hq' }));
  await state.claim(idOf(1), { id: 'w1', host: 'host-of-w1' });
  await state.heartbeat(
    beat('w1', {
      streams: [
        {
          streamId: idOf(1),
          epoch: 1,
          state: 'live',
          ffmpegPid: 4711,
          bitrateKbps: 3987.5,
          speed: 1.01,
          fps: 25,
          lastError: 'late',
        },
      ],
      clients: [client('c1', idOf(1), 'w1', { username: 'alice', bytes: 123_456_789_012 })],
      events: [{ type: 'stream_started', streamId: idOf(1), data: { pid: 4711 } }],
    }),
  );
}

const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

test('what operators find under the documented keys', async () => {
  await liveStream();
  expect(await redis.admin.hgetall(`stream:${idOf(1)}`)).toEqual({
    kind: 'transcode',
    stream_type: 'direct',
    url: 'http://provider.example/live/***/***/1.ts',
    failover_urls: '[]',
    metadata: '{"group":"news"}',
    profile: 'hq',
    state: 'live',
    owner: 'w1',
    epoch: '1',
    host: 'host-of-w1',
    ffmpeg_pid: '4711',
    viewers: '1',
    bitrate: '3987.5 kbit/s',
    fps: '25',
    speed: '1.01',
    failover_index: '0',
    failover_attempts: '0',
    last_error: 'late',
    created_at: '2023-11-14T22:13:20.000Z',
    last_access: iso,
  });
  const shown = (await redis.admin.hget('workers', 'w1')) as string;
  expect(shown).toMatch(
    /^\{"id":"w1","status":"ready","host":"host-of-w1","pid":100,"url":"http:\/\/w1\.example:8085","ownedStreams":0,"capacity":0,"viewers":0,"load":0.5,"version":"0\.1\.0","heartbeatMs":\d{13},"startedAtMs":1700000000000,/,
  );
  expect(JSON.parse(shown)).toMatchObject({
    id: 'w1',
    host: 'host-of-w1',
    pid: 100,
    url: 'http://w1.example:8085',
    status: 'ready',
    version: '0.1.0',
    load: 0.5,
    heartbeatMs: expect.any(Number),
  });
  expect(await redis.admin.smembers('worker:w1:streams')).toEqual([idOf(1)]);
  const [streamId, score] = await redis.admin.zrange('streams', 0, '-1', 'WITHSCORES');
  expect(streamId).toBe(idOf(1));
  expect(Math.abs(Number(score) - Date.now())).toBeLessThan(60_000);
  expect(await redis.admin.smembers(`stream:${idOf(1)}:clients`)).toEqual(['c1']);
  const clientKey = `client:${idOf(1)}:c1`;
  expect(await redis.admin.hgetall(clientKey)).toEqual({
    node: 'w1',
    ip: '192.0.2.7',
    user_agent: 'VLC/3.0.20 LibVLC/3.0.20',
    username: 'alice',
    connected_at: '2023-11-14T22:13:20.000Z',
    last_active: '2023-11-14T22:13:20.000Z',
    bytes: '123456789012',
    lag_bytes: '0',
    skips: '0',
  });
  expect(await redis.admin.pttl(clientKey)).toBeGreaterThan(0);
  const events = await redis.admin.xrange('events', '-', '+');
  expect(events).toHaveLength(1);
});

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex');

test('nothing is left when everything is removed, whatever order it goes in', async () => {
  await liveStream();
  await state.putStream(definition(2, { metadata: { group: 'news', lang: 'de' } }));
  await state.heartbeat(beat('w2', { clients: [client('c1', idOf(2), 'w2'), client('c2', idOf(1), 'w2')] }));
  await state.claim(idOf(1), { id: 'w2', host: 'host-of-w2' }, { deposes: 1 });
  await state.forgetProcesses('host-of-w1', [4711]);
  await state.removeWorker('w2');
  await state.removeStream(idOf(1));
  await state.removeStream(idOf(2));
  await state.removeWorker('w1');
  await redis.admin.del('events');
  // What happened is kept for the rest of its hour.
  const keys = (await redis.admin.keys('*')).filter((key) => key !== 'meta').sort();
  const timelines = keys.filter((key) => key.includes('timeline'));
  // Nodes may come back and know better than that a viewer was lost with them.
  const losses = keys.filter((key) => !timelines.includes(key));
  expect(losses).toEqual([`lost:${idOf(1)}:c2`, `lost:${idOf(2)}:c1`]);
  for (const key of losses) expect(await redis.admin.pttl(key)).toBeGreaterThan(500_000);
  expect(timelines).toEqual([
    `stream:${idOf(1)}:timeline`,
    `stream:${idOf(2)}:timeline`,
    ...['c1', 'c2'].map((id) => `timeline:viewers:${sha1(id).slice(0, 3)}`).sort(),
  ]);
  for (const key of timelines) expect(await redis.admin.pttl(key)).toBeGreaterThan(3_500_000);
});

test('what a worker says of itself is JSON whatever it holds', async () => {
  const url = 'http://w1.example/\\/"\u2028';
  await state.heartbeat({ ...beat('w1'), worker: worker('w1', { version: 'a/b\\', publicUrl: url }) });
  expect(await state.listWorkers()).toMatchObject([{ id: 'w1', version: 'a/b\\', publicUrl: url }]);
});

test('a prefix keeps two clusters in one Redis apart', async () => {
  const other = new RedisClusterState({ url: redis.url, prefix: 'other:' });
  await liveStream();
  expect((await other.listStreams()).items).toEqual([]);
  expect(await other.listWorkers()).toEqual([]);
  await other.putStream(definition(1));
  expect(await other.claim(idOf(1), { id: 'x', host: 'h' })).toMatchObject({ granted: true, epoch: 1 });
  await other.removeStream(idOf(1));
  expect(await state.getStream(idOf(1))).toMatchObject({ owner: 'w1', viewers: 1 });
  await other.close();
});

test('a store that was emptied has another generation, and takes over the epochs it is told', async () => {
  await liveStream();
  const before = (await state.heartbeat(beat('w1'))).generation;
  await redis.admin.flushall();
  const after = await state.heartbeat(
    beat('w1', {
      streams: [{ streamId: idOf(1), epoch: 1, state: 'live' }],
      clients: [client('c1', idOf(1), 'w1')],
    }),
  );
  // The name comes from whoever beats first: after a flush that may be the same process, but not the same name.
  expect(after.generation).not.toBe(before);
  expect(after.missing).toEqual([idOf(1)]);
  await state.putStream(definition(1));
  const reply = await state.heartbeat(
    beat('w1', { streams: [{ streamId: idOf(1), epoch: 1, state: 'live' }] }),
  );
  expect(reply).toMatchObject({ missing: [], stale: [], generation: after.generation });
  expect(await state.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1, state: 'live' });
});

test('scripts that Redis has forgotten are loaded again', async () => {
  await liveStream();
  await redis.admin.script('FLUSH');
  const reply = await state.heartbeat(
    beat('w1', {
      streams: [{ streamId: idOf(1), epoch: 1, fps: 50 }],
      clients: [client('c9', idOf(1), 'w1')],
    }),
  );
  expect(reply.stale).toEqual([]);
  expect(await state.getStream(idOf(1))).toMatchObject({ fps: 50, viewers: 2 });
});

test('a record that nobody sweeps ends by itself, and is not shown meanwhile', async () => {
  await liveStream();
  await redis.admin.del(`client:${idOf(1)}:c1`);
  expect((await state.listClients()).items).toEqual([]);
  expect((await state.listClients({ streamId: idOf(1) })).items).toEqual([]);
  expect(await state.getClient('c1')).toBeUndefined();
  expect(await state.removeClients([{ streamId: idOf(1), clientId: 'c1' }])).toBe(1);
  expect(await state.getStream(idOf(1))).toMatchObject({ viewers: 0 });
});

test('a record that ended by itself and came back at another node is not the first one’s to take away', async () => {
  await liveStream();
  await redis.admin.del(`client:${idOf(1)}:c1`);
  await state.heartbeat(beat('w2', { clients: [client('c1', idOf(1), 'w2')] }));
  await state.removeWorker('w1');
  expect(await state.getClient('c1')).toMatchObject({ node: 'w2' });
  expect(await state.getStream(idOf(1))).toMatchObject({ viewers: 1 });
});

test('every script says what goes in and comes out, and none walks the key space', () => {
  const scripts = loadScripts();
  expect(scripts.size).toBeGreaterThan(10);
  for (const [name, lua] of scripts) {
    expect(`${name}: ${lua}`).toMatch(/^[a-z-]+: -- .+\n/);
    expect(`${name}: ${lua}`).toMatch(/\n-- KEYS\[1\] {2}prefix\n/);
    expect(`${name}: ${lua}`).toMatch(/\n-- ARGV\[1\] /);
    expect(`${name}: ${lua}`).toMatch(/\n-- returns /);
    expect(`${name}: ${lua}`).not.toMatch(/'(?:KEYS|SCAN)'/i);
    expect(`${name}: ${lua}`).not.toMatch(/@include/);
  }
});

test('times are written as JavaScript would', async () => {
  const include = loadScripts().get('publish') as string;
  const lua = `${include.slice(0, include.indexOf('add_event(ARGV'))}\nreturn iso(tonumber(ARGV[1]))`;
  await fc.assert(
    fc.asyncProperty(
      fc.date({ min: new Date(0), max: new Date('2999-12-31'), noInvalidDate: true }),
      async (date) => {
        expect(await redis.admin.eval(lua, 1, '', date.getTime())).toBe(date.toISOString());
      },
    ),
  );
});
