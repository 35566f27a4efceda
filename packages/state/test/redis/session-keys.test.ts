import type { SessionRequest } from '../../src/index.ts';
import { RedisClusterState } from '../../src/redis.ts';
import { MOVED_CLOCK, useRedis } from './use-redis.ts';

const redis = useRedis();
let state: RedisClusterState;

beforeEach(() => {
  state = new RedisClusterState({ url: redis.url, prefix: 'test:', includes: { clock: MOVED_CLOCK } });
});

afterEach(() => state.close());

function request(id: string, fields: Partial<SessionRequest> = {}): SessionRequest {
  return {
    ...{ id, user: 'alice', ip: '2001:db8::7', place: '2001:db8::7', player: 'as VLC', streamId: 'news' },
    ...{ clientId: 'tv', node: 'gateway-1', userAgent: 'VLC', limit: 0, quietMs: 5_000 },
    ...fields,
  };
}

test('what operators find under the documented keys', async () => {
  await state.startSession(request('s1'));
  const json = await redis.admin.hget('test:iptv:streams', 's1');
  expect(JSON.parse(json ?? '')).toEqual({
    ...{
      node: 'gateway-1',
      index: 'alice:2001:db8::7',
      user: 'alice',
      ip: '2001:db8::7',
      place: '2001:db8::7',
    },
    ...{ player: 'as VLC', streamId: 'news', clientId: 'tv', userAgent: 'VLC' },
    ...{ startedAtMs: expect.any(Number), untilMs: expect.any(Number), lastActiveMs: expect.any(Number) },
  });
  expect(await redis.admin.get('test:iptv:user_index:alice:2001:db8::7')).toBe('s1');
  const place = { ip: '192.0.2.7', place: '192.0.2.7/id tv:1' };
  await state.startSession(request('s2', { user: 'al:ice/%', ...place }));
  expect(await redis.admin.get('test:iptv:user_index:al%3Aice%2F%25:192.0.2.7/id%20tv:1')).toBe('s2');
});

test('nothing is left of sessions that have ended but what ended a moment ago, which goes by itself', async () => {
  await state.startSession(request('s1'));
  await state.startSession(request('s2', { streamId: 'film' }));
  await state.startSession(request('s3', { user: 'bob' }));
  await state.endSession('s2', { by: 'operator' });
  await state.endSession('s3', { by: 'viewer', node: 'gateway-1' });
  expect((await redis.admin.keys('*')).sort()).toEqual([
    'test:events',
    'test:iptv:endings:alice:2001:db8::7',
  ]);
  const ttl = await redis.admin.pttl('test:iptv:endings:alice:2001:db8::7');
  expect(ttl).toBeGreaterThan(0);
  expect(ttl).toBeLessThanOrEqual(60_000);
});

test('a touch notes the activity, and moves nothing in the indexes until a renewal is due', async () => {
  await state.startSession(request('s1'));
  const until = await redis.admin.zscore('test:iptv:expiry', 's1');
  const before = JSON.parse((await redis.admin.hget('test:iptv:streams', 's1')) ?? '');
  await redis.pass(20);
  await state.touchSessions('gateway-2', [{ id: 's1', user: 'alice', place: '2001:db8::7' }]);
  const after = JSON.parse((await redis.admin.hget('test:iptv:streams', 's1')) ?? '');
  expect(after.lastActiveMs).toBeGreaterThan(before.lastActiveMs);
  expect({ ...after, lastActiveMs: 0 }).toEqual({ ...before, lastActiveMs: 0, node: 'gateway-2' });
  expect(await redis.admin.zscore('test:iptv:expiry', 's1')).toBe(until);
});
