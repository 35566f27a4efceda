import { ProviderCookies } from '../src/source/provider-cookies.ts';
import { media, Provider } from './provider.ts';
import { host, pathsIn } from './proxy-host.ts';

const cookieOf = (provider: Provider, path: string): unknown =>
  provider.requests.findLast(({ url }) => url.startsWith(path))?.headers.cookie;

test('what a playlist sets is sent with what follows to that server, to no other, and not to players', async () => {
  const [provider, other] = [await Provider.start(), await Provider.start()];
  let session = 0;
  provider.route('/go', (_req, res) =>
    res.writeHead(302, { location: '/a/index.m3u8', 'set-cookie': 'balancer=7; Path=/' }).end(),
  );
  provider.route('/a/index.m3u8', (_req, res) => {
    const set = [`session=${++session}; Path=/; Domain=127.0.0.1; HttpOnly`, 'other=1; Path=/elsewhere'];
    res.writeHead(200, { 'set-cookie': set, 'content-type': 'application/vnd.apple.mpegurl' });
    const key = '#EXT-X-KEY:METHOD=AES-128,URI="key"';
    const lines = ['#EXTM3U', '#EXT-X-TARGETDURATION:6', key, '#EXTINF:6,', 's.ts', '#EXTINF:6,'];
    res.end(`${[...lines, other.url('/s.ts')].join('\n')}\n`);
  });
  provider.serve('/a/s.ts', media('s'));
  provider.serve('/a/key', Buffer.alloc(16));
  other.serve('/s.ts', media('s'));
  const it = host(provider.url('/go'), { headers: { Cookie: 'session=0; own=1' } });
  const first = await it.get('playlist.m3u8');
  expect(JSON.stringify(first.headers ?? {})).not.toContain('session');
  expect(cookieOf(provider, '/go')).toBe('session=0; own=1');
  expect(cookieOf(provider, '/a/index.m3u8')).toBe('session=0; own=1; balancer=7');
  it.clock.advance(6_001);
  const paths = pathsIn(await it.text());
  expect(cookieOf(provider, '/a/index.m3u8')).toBe('own=1; balancer=7; session=1');
  for (const path of paths)
    expect(JSON.stringify((await it.get(path)).headers ?? {})).not.toContain('session');
  for (const path of ['/a/s.ts', '/a/key'])
    expect(cookieOf(provider, path)).toBe('own=1; balancer=7; session=2');
  expect(other.count('/s.ts')).toBe(1);
  expect(cookieOf(other, '/s.ts')).toBeUndefined();
});

test('cookies are bounded, whoever sets them', () => {
  const cookies = new ProviderCookies();
  for (let n = 0; n < 200; n += 1)
    cookies.setBy('http://a.example/x', [`c${n}=${'v'.repeat(1_000)}`, `big=${'v'.repeat(5_000)}`]);
  const sent = cookies.sentTo('http://a.example/x') ?? '';
  expect(sent.length).toBeLessThanOrEqual(8_192);
  expect(sent).not.toContain('big=');
  for (let n = 0; n < 20; n += 1) cookies.setBy(`http://h${n}.example/`, ['a=1']);
  expect(cookies.sentTo('http://a.example/x')).toBeUndefined();
  expect(cookies.sentTo('http://h19.example/')).toBe('a=1');
  cookies.setBy('http://h19.example/', ['a=1; Max-Age=0', '', 'no cookie; =']);
  expect(cookies.sentTo('http://h19.example/') ?? '').not.toContain('a=1');
});
