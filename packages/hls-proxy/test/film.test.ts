import { media, Provider } from './provider.ts';
import { type Host, host, pathsIn } from './proxy-host.ts';

const HEAD = '#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n';

/** A film in a directory, in segments of so many seconds. */
function film(provider: Provider, directory: string, seconds: readonly number[], before = ''): string {
  const segments = seconds.map((length, n) => {
    const name = `${directory}${n}.ts`;
    provider.serve(name, media(name), { 'content-type': 'video/mp2t' });
    return `${before}#EXTINF:${length.toFixed(3)},\n${n}.ts\n`;
  });
  provider.serve(`${directory}film.m3u8`, `${HEAD}${segments.join('')}#EXT-X-ENDLIST\n`);
  return provider.url(`${directory}film.m3u8`);
}

/** Nothing of that directory can be had any more. */
function dies(provider: Provider, directory: string, count: number): void {
  for (const name of ['film.m3u8', ...Array.from({ length: count }, (_, n) => `${n}.ts`)])
    provider.route(`${directory}${name}`, (req) => req.socket.destroy());
}

const LENGTHS = [6, 6, 5.5, 6, 2];

async function two(backup: readonly number[], before = '') {
  const provider = await Provider.start();
  const failoverUrls = [film(provider, '/b/', backup, before)];
  const it: Host = host(film(provider, '/a/', LENGTHS), { failoverUrls });
  return { provider, it, paths: pathsIn(await it.text()) };
}

test('a film whose source is lost goes on where it was, from another source that has it cut in the same way', async () => {
  // Rounded in another way.
  const { provider, it, paths } = await two([6, 6, 5.46, 6, 2.04]);
  expect(await it.bytes(paths[1]!)).toEqual(media('/a/1.ts'));
  dies(provider, '/a/', LENGTHS.length);
  const played = await Promise.all([3, 4].map((n) => it.bytes(paths[n]!)));
  expect(played).toEqual([media('/b/3.ts'), media('/b/4.ts')]);
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 1 });
  expect(it.told.filter(({ event }) => event === 'source_switched')).toHaveLength(1);

  // Who begins now has the film of the other source, from its beginning.
  const text = await it.text();
  expect(text).not.toMatch(/DISCONTINUITY|GAP/);
  expect(text).toContain('#EXTINF:5.460,');
  const later = pathsIn(text);
  expect(later).toHaveLength(LENGTHS.length);
  expect(await it.bytes(later[0]!)).toEqual(media('/b/0.ts'));
  expect(await it.bytes(paths[0]!)).toEqual(media('/b/0.ts'));
});

test.each([
  ['cut otherwise', [6, 6, 4.5, 6, 3], ''],
  ['longer', [...LENGTHS, 6], ''],
  ['encrypted', LENGTHS, '#EXT-X-KEY:METHOD=AES-128,URI="key"\n'],
])('where the other source has it %s, its players are told to begin anew', async (_, backup, before) => {
  const { provider, it, paths } = await two(backup, before);
  await it.bytes(paths[0]!);
  dies(provider, '/a/', LENGTHS.length);
  await expect(it.bytes(paths[3]!)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('begin anew'),
  });
  expect(it.proxy.snapshot()).toMatchObject({ state: 'live', failoverIndex: 1 });
  const later = pathsIn(await it.text()).filter((path) => path.endsWith('.ts'));
  expect(await it.bytes(later[3]!)).toEqual(media('/b/3.ts'));
});

test('a segment that alone is missing is no reason to leave a film’s source', async () => {
  const { provider, it, paths } = await two(LENGTHS);
  provider.status('/a/3.ts', 404);
  await expect(it.bytes(paths[3]!)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await it.bytes(paths[4]!)).toEqual(media('/a/4.ts'));
  expect(it.proxy.snapshot()).toMatchObject({ failoverIndex: 0 });
});

test('a film without another source says what its provider says', async () => {
  const provider = await Provider.start();
  const it = host(film(provider, '/a/', LENGTHS));
  const paths = pathsIn(await it.text());
  for (let n = 0; n < LENGTHS.length; n += 1) provider.status(`/a/${n}.ts`, 403);
  await expect(it.bytes(paths[2]!)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
});
