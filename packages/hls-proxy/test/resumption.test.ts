import { LiveChannel, media, Provider } from './provider.ts';
import { bodyOf, host, pathsIn } from './proxy-host.ts';

/** A segment that breaks off after so many bytes, and is gone on with as `resume` says. */
async function broken(resume: (from: number, whole: Buffer) => { range: string; body: Buffer } | undefined) {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  const whole = media('whole', 188 * 1_000);
  provider.route('/live/a-0.ts', (req, res) => {
    const from = /^bytes=(\d+)-/.exec(req.headers.range ?? '')?.[1];
    const rest = from === undefined ? undefined : resume(Number(from), whole);
    if (rest) res.writeHead(206, { 'content-range': rest.range, etag: '"1"' }).end(rest.body);
    else {
      res.writeHead(200, { 'content-length': whole.length, etag: '"1"' });
      res.write(whole.subarray(0, 50_000), () => setTimeout(() => res.destroy(), 20));
    }
  });
  const it = host(channel.url);
  const [path = ''] = pathsIn(await it.text());
  return { ...it, path, whole, provider };
}

test('a segment that breaks off is gone on with at the byte, and nobody notices', async () => {
  const { get, path, whole, provider, proxy } = await broken((from, all) => ({
    range: `bytes ${from}-${all.length - 1}/${all.length}`,
    body: all.subarray(from),
  }));
  const bodies = await Promise.all([get(path), get(path)]);
  for (const body of bodies) expect((await bodyOf(body)).equals(whole)).toBe(true);
  expect(provider.count('/live/a-0.ts')).toBe(2);
  expect(proxy.statistics().failedFetches).toBe(0);
});

test.each([
  ['is ignored', () => undefined],
  [
    'is answered for another file',
    (from: number, all: Buffer) => ({
      range: `bytes ${from}-${all.length - 1}/${all.length + 1}`,
      body: all.subarray(from),
    }),
  ],
  [
    'is answered from elsewhere',
    (from: number, all: Buffer) => ({
      range: `bytes ${from + 1}-${all.length - 1}/${all.length}`,
      body: all.subarray(from + 1),
    }),
  ],
])('where the range %s it ends as it is', async (_, resume) => {
  const { get, path } = await broken(resume);
  await expect(get(path).then(bodyOf)).rejects.toMatchObject({ code: 'UPSTREAM_CUT' });
});
