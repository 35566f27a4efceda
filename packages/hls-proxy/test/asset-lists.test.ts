import { waitFor } from '@streampool/testkit';
import { LiveChannel, media, Provider } from './provider.ts';
import { bodyOf, type Host, host, pathsIn } from './proxy-host.ts';

const HEAD = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n';
const AD = `${HEAD}#EXTINF:6,\nad-0.ts\n#EXTINF:6,\nad-1.ts\n#EXT-X-ENDLIST\n`;

interface Stage extends Host {
  readonly provider: Provider;
  readonly ads: Provider;
  /** What the list of assets leads to, and the path of the list itself. */
  readonly assets: (path: string) => Promise<string[]>;
  readonly list: string;
}

/** A channel with a pause that another server fills, and a second source. */
async function stage(list: string | Buffer): Promise<Stage> {
  const [provider, ads] = [await Provider.start(), await Provider.start()];
  const channel = new LiveChannel(provider, '/live/', 'a', { sequence: 500 });
  channel.before.set(2, [
    '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z',
    `#EXT-X-DATERANGE:ID="1",CLASS="com.apple.hls.interstitial",START-DATE="2026-01-01T00:00:00Z",X-ASSET-LIST="${ads.url('/break?n=1')}"`,
  ]);
  const other = new LiveChannel(provider, '/other/', 'b');
  ads.route('/break', (_req, res) => res.writeHead(302, { location: '/now/list.php' }).end());
  ads.serve('/now/list.php', list, { 'content-type': 'application/json' });
  ads.serve('/now/ad.m3u8', AD);
  for (const name of ['ad-0.ts', 'ad-1.ts']) ads.serve(`/now/${name}`, media(name));
  const it = host(channel.url, { failoverUrls: [other.url] });
  const text = await it.text();
  expect(text).not.toContain('127.0.0.1');
  const [, path = ''] = /X-ASSET-LIST="([^"]*)"/.exec(text) ?? [];
  expect(path).toMatch(/^segment\/[\w-]+\.json$/);
  const assets = async (asked: string): Promise<string[]> =>
    pathsIn((await bodyOf(await it.get(asked))).toString());
  return { ...it, provider, ads, assets, list: path };
}

test('a list of assets leads here, and is fetched once for all', async () => {
  const list = { ASSETS: [{ URI: 'ad.m3u8', DURATION: 12 }], 'X-MORE': 1 };
  const { get, text, bytes, ads, assets, list: path } = await stage(JSON.stringify(list));
  const answers = await Promise.all([get(path), get(path)]);
  expect(answers[0]).toMatchObject({ status: 200, kind: 'asset-list', contentType: 'application/json' });
  const said = JSON.parse((await bodyOf(answers[1]!)).toString());
  expect(said).toEqual({
    ...list,
    ASSETS: [{ URI: expect.stringMatching(/^\.\.\/variant\/[\w-]+\.m3u8$/), DURATION: 12 }],
  });
  const [ad = ''] = await assets(path);
  const [first = ''] = pathsIn(await text(ad));
  expect(await bytes(first)).toEqual(media('ad-0.ts'));
  expect([ads.count('/break'), ads.count('/now/ad.m3u8')]).toEqual([1, 1]);
});

test('what is played in between stays what it is when the source changes, and no source is left for its sake', async () => {
  const it = await stage('{"ASSETS":[{"URI":"ad.m3u8"}]}');
  const { proxy, clock, text, bytes, ads, assets, list } = it;
  const [ad = ''] = await assets(list);
  const [first = '', second = ''] = pathsIn(await text(ad));
  ads.status('/now/ad-0.ts', 503);
  ads.status('/now/ad-1.ts', 503);
  for (const path of [first, second])
    await expect(bytes(path)).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  expect(proxy.snapshot().failoverIndex).toBe(0);
  const before = await text(ad);
  await proxy.failover();
  clock.advance(1_000);
  await text();
  await waitFor(() => proxy.snapshot().failoverIndex === 1);
  expect(await text(ad)).toBe(before);
});

test.each([
  ['no JSON', '<html>no ads today</html>'],
  ['one that is too long', `{"ASSETS":[],"X":"${'x'.repeat(256 * 1024)}"}`],
])('%s is told as such', async (_, list) => {
  const { get, list: path } = await stage(list);
  await expect(get(path)).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
});
