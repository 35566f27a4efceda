import { waitFor } from '@streampool/testkit';
import { LiveChannel, media, Provider } from './provider.ts';
import { host, numberIn, pathsIn } from './proxy-host.ts';

test('a live playlist and its segments, under addresses that tell nothing', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a', { sequence: 100 });
  const { text, bytes, clock } = host(channel.url);
  const first = await text();
  expect(first.replace(/segment\/[\w-]+\.ts/g, 'URI')).toBe(channel.playlist().replace(/a-\d+\.ts/g, 'URI'));
  expect(first).not.toContain('127.0.0.1');
  const [one = ''] = pathsIn(first);
  expect(await bytes(one)).toEqual(media('a-0.ts'));
  channel.move();
  clock.advance(3_001);
  const second = await text();
  expect(numberIn(second, 'EXT-X-MEDIA-SEQUENCE')).toBe(101);
  // The same segment has the same address.
  expect(pathsIn(second).slice(0, 2)).toEqual(pathsIn(first).slice(1));
});

test('however many ask, the provider is asked once', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  const { text, bytes, clock, proxy, client } = host(channel.url);
  const lists = await Promise.all(Array.from({ length: 50 }, () => text()));
  expect(new Set(lists).size).toBe(1);
  const [path = ''] = pathsIn(lists[0]!);
  const bodies = await Promise.all(Array.from({ length: 50 }, () => bytes(path)));
  expect(bodies.every((body) => body.equals(media('a-0.ts')))).toBe(true);
  await text();
  clock.advance(2_999);
  await text();
  expect(provider.requests.map(({ url }) => url)).toEqual(['/live/index.m3u8', '/live/a-0.ts']);
  expect(client.stats().totalConnections).toBe(1);
  const { requests, fetches, bytesIn, bytesOut } = proxy.statistics();
  expect(requests.media).toEqual({ miss: 1, shared: 49, hit: 0 });
  expect(requests.playlist).toEqual({ miss: 1, shared: 49, hit: 2 });
  expect(fetches).toBe(2);
  expect(bytesIn).toBe(1_880 + channel.playlist().length);
  expect(bytesOut).toBeGreaterThan(50 * 1_880);
  clock.advance(2);
  await text();
  expect(provider.count('/live/index.m3u8')).toBe(2);
});

test('failover in mid-playlist: numbers go on, with a discontinuity', async () => {
  const provider = await Provider.start();
  const a = new LiveChannel(provider, '/a/', 'a', { sequence: 500 });
  const b = new LiveChannel(provider, '/b/', 'b', { sequence: 7 });
  const { text, bytes, clock, told, proxy } = host(a.url, { failoverUrls: [b.url] });
  const first = await text();
  for (const path of pathsIn(first)) await bytes(path);
  provider.status('/a/index.m3u8', 503);
  clock.advance(6_001);
  const second = await text();
  expect(numberIn(second, 'EXT-X-MEDIA-SEQUENCE')).toBe(501);
  expect(numberIn(second, 'EXT-X-DISCONTINUITY-SEQUENCE')).toBe(0);
  expect(second.split('\n').filter((line) => /DISCONTINUITY$|^segment/.test(line))).toEqual([
    ...pathsIn(first).slice(1),
    '#EXT-X-DISCONTINUITY',
    ...pathsIn(second).slice(2),
  ]);
  expect(await bytes(pathsIn(second).at(-1)!)).toEqual(media('b-2.ts'));
  expect(proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 1, failoverAttempts: 1 });
  expect(told).toContainEqual(
    expect.objectContaining({ event: 'source_switched', reason: 'UPSTREAM_STATUS', failoverIndex: 1 }),
  );
  for (let n = 0; n < 5; n += 1) {
    b.move();
    clock.advance(6_000);
    await text();
  }
  const last = await text();
  expect(numberIn(last, 'EXT-X-MEDIA-SEQUENCE')).toBe(506);
  expect(numberIn(last, 'EXT-X-DISCONTINUITY-SEQUENCE')).toBe(1);
  expect(last).not.toContain('EXT-X-DISCONTINUITY\n');
});

test('it ends by itself when nobody asks any more, and gives everything back', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a', { seconds: 2 });
  const { text, clock, proxy, client } = host(channel.url);
  await text();
  clock.advance(9_000);
  channel.move();
  await text();
  clock.advance(9_999);
  expect(proxy.snapshot().state).toBe('live');
  clock.advance(2);
  await proxy.closed;
  expect(proxy.snapshot().state).toBe('stopped');
  expect(client.stats().openConnections).toBe(0);
  await waitFor(() => provider.active === 0);
  await expect(text()).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
});
