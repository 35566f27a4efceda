import { createCipheriv } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import { StreampoolError } from '@streampool/errors';
import { waitFor } from '@streampool/testkit';
import { HlsCache } from '../src/index.ts';
import { LiveChannel, media, Provider } from './provider.ts';
import { bodyOf, host, numberIn, pathsIn } from './proxy-host.ts';

const HEAD = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n';

test('a multivariant playlist with sound, subtitles, keys and signed queries: every address is ours, and leads there', async () => {
  const provider = await Provider.start();
  const cdn = await Provider.start();
  const query = `?sig=a%2Fb'|c&t=1+2`;
  provider.serve(
    '/master.m3u8',
    `#EXTM3U
#EXT-X-DEFINE:NAME="host",VALUE="${cdn.url('')}"
#EXT-X-CONTENT-STEERING:SERVER-URI="/steer"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",URI="audio/en.m3u8${query}"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",URI="subs.m3u8"
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000,URI="iframes.m3u8"
#EXT-X-X-UNKNOWN:URI-LIKE="x.y"
#EXT-X-STREAM-INF:BANDWIDTH=1000000,AUDIO="a",SUBTITLES="s"
{$host}/v1.m3u8
`,
  );
  cdn.serve(
    '/v1.m3u8',
    `${HEAD}#EXT-X-DEFINE:IMPORT="host"
#EXT-X-KEY:METHOD=AES-128,URI="key${query}",IV=0x00000000000000000000000000000001
#EXT-X-MAP:URI="init.mp4",BYTERANGE="100@0"
#EXTINF:6,
{$host}/1.m4s${query}
#EXT-X-ENDLIST
`,
  );
  const cipher = createCipheriv('aes-128-cbc', Buffer.alloc(16, 7), Buffer.alloc(16));
  const encrypted = Buffer.concat([cipher.update(media('clear')), cipher.final()]);
  cdn.serve('/1.m4s', encrypted, { 'content-type': 'video/mp4' });
  cdn.serve('/key', Buffer.alloc(16, 7));
  provider.serve('/audio/en.m3u8', gzipSync(`${HEAD}#EXTINF:6,\nen-1.aac\n#EXT-X-ENDLIST\n`), {
    'content-encoding': 'gzip',
  });
  provider.serve('/subs.m3u8', `${HEAD}#EXTINF:6,\n1.vtt\n#EXT-X-ENDLIST\n`);
  provider.serve('/1.vtt', 'WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n', { 'content-type': 'text/vtt' });
  const headers = { Authorization: 'Bearer s3cret', Referer: 'http://site.example/' };
  const { text, bytes, get } = host(provider.url('/master.m3u8'), { headers });

  const master = await text();
  expect(master).toContain('#EXT-X-X-UNKNOWN:URI-LIKE="x.y"');
  expect(master.replace(/VALUE="http[^"]*"/, '')).not.toMatch(/127\.0\.0\.1|steer|audio\/|subs/);
  const [audio = '', subtitles = '', , variant = ''] = pathsIn(master);
  const media1 = await text(variant);
  expect(media1).toMatch(/^\.\.\/segment\/[\w-]+\.m4s$/m);
  const [key = '', map = '', segment = ''] = pathsIn(media1);
  expect([key, map].map((path) => path.split('.').at(-1))).toEqual(['key', 'mp4']);
  expect(await bytes(segment)).toEqual(encrypted);
  expect(await get(key)).toMatchObject({ kind: 'other', contentType: 'application/octet-stream' });
  expect(await bytes(key)).toEqual(Buffer.alloc(16, 7));
  const [sound = ''] = pathsIn(await text(audio));
  expect(sound).toMatch(/\.aac$/);
  const [words = ''] = pathsIn(await text(subtitles));
  expect(await get(words)).toMatchObject({ contentType: 'text/vtt' });
  // Byte for byte, and credentials go to their own origin only.
  expect(cdn.requests.map(({ url }) => url)).toEqual(['/v1.m3u8', `/1.m4s${query}`, `/key${query}`]);
  expect(provider.requests.find(({ url }) => url.startsWith('/audio'))?.url).toBe(`/audio/en.m3u8${query}`);
  for (const { headers: seen } of cdn.requests) {
    expect(seen.authorization).toBeUndefined();
    expect(seen.referer).toBe('http://site.example/');
  }
  expect(provider.requests[0]?.headers.authorization).toBe('Bearer s3cret');
});

test('addresses that are not the stream’s own are refused, and nothing is fetched', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  const [one, two] = [
    host(channel.url),
    host(channel.url, {
      spec: { id: 'two', kind: 'shared', target: { url: channel.url, headers: {} }, failoverUrls: [] },
    }),
  ];
  const [path = ''] = pathsIn(await one.text());
  await two.text();
  const before = provider.requests.length;
  for (const bad of [
    path.replace('segment', 'variant'),
    path.replace(/.(?=\.ts$)/, (c) => (c === 'A' ? 'B' : 'A')),
    'segment/x.ts',
  ])
    await expect(one.get(bad)).rejects.toMatchObject({ code: 'HLS_TOKEN_INVALID' });
  await expect(two.get(path)).rejects.toMatchObject({ code: 'HLS_TOKEN_INVALID' });
  for (const bad of ['', 'x', '../x', 'segment', 'playlist.m3u8/..', 'segment/..%2f'])
    await expect(one.get(bad)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(provider.requests).toHaveLength(before);
});

test('redirects: what the playlist refers to is found where it came from', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/far/away/', 'a');
  provider.route('/go', (_req, res) => res.writeHead(302, { location: '/far/away/index.m3u8?x=1' }).end());
  const { text, bytes } = host(provider.url('/go'));
  expect(channel.url).toContain('/far/away/');
  expect(await bytes(pathsIn(await text())[0]!)).toEqual(media('a-0.ts'));
});

test('byte ranges are the provider’s answer, once for each; of what is here as a whole they are cut', async () => {
  const provider = await Provider.start();
  const whole = media('whole', 18_800);
  provider.route('/all.ts', (req, res) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '') ?? [];
    if (from === undefined) res.writeHead(200).end(whole);
    else if (Number(from) >= whole.length)
      res.writeHead(416, from === '88888' ? {} : { 'content-range': `bytes */${whole.length}` }).end();
    else
      res
        .writeHead(206, { 'content-range': `bytes ${from}-${to}/${whole.length}` })
        .end(whole.subarray(Number(from), Number(to) + 1));
  });
  const list = `${HEAD}#EXTINF:6,\n#EXT-X-BYTERANGE:188@0\nall.ts\n#EXTINF:6,\n#EXT-X-BYTERANGE:376\nall.ts\n#EXT-X-ENDLIST\n`;
  provider.serve('/index.m3u8', list);
  const { text, get, bytes } = host(provider.url('/index.m3u8'));
  const playlist = await text();
  expect(playlist).toContain('#EXT-X-BYTERANGE:188@0\n');
  expect(playlist).toContain('#EXT-X-BYTERANGE:376\n');
  const [path = ''] = pathsIn(playlist);
  const [one, two] = await Promise.all([
    get(path, { range: 'bytes=0-187' }),
    get(path, { range: 'bytes=0-187' }),
  ]);
  expect(one).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 0-187/18800' } });
  expect(await bodyOf(one)).toEqual(whole.subarray(0, 188));
  expect(await bodyOf(two)).toEqual(whole.subarray(0, 188));
  const beyond = { status: 416, headers: { 'content-range': 'bytes */18800' } };
  expect(await get(path, { range: 'bytes=99999-999999' })).toMatchObject(beyond);
  await expect(get(path, { range: 'bytes=88888-999999' })).rejects.toMatchObject({
    code: 'RANGE_NOT_SATISFIABLE',
  });
  await bytes(path);
  const before = provider.count('/all.ts');
  expect(await bytes(path, 'bytes=188-563')).toEqual(whole.subarray(188, 564));
  expect(await bytes(path, 'bytes=-10')).toEqual(whole.subarray(-10));
  expect(await get(path, { range: 'bytes=18800-' })).toMatchObject(beyond);
  expect(provider.count('/all.ts')).toBe(before);
});

test('what is no playlist, and what is no media, is told as such', async () => {
  const provider = await Provider.start();
  provider.serve('/page', '<!doctype html><p>account expired', { 'content-type': 'text/html' });
  await expect(host(provider.url('/page')).text()).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
  provider.serve('/file', `${HEAD}#EXTINF:6,\nfile:///etc/passwd\n`);
  await expect(host(provider.url('/file')).text()).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
  provider.serve('/huge', `${HEAD}${'#'.repeat(9 * 1024 * 1024)}`);
  await expect(host(provider.url('/huge')).text()).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
  const channel = new LiveChannel(provider, '/live/', 'a');
  provider.serve('/live/a-0.ts', '<html>limit reached', { 'content-type': 'text/html' });
  const { text, bytes } = host(channel.url);
  const [first = '', second = ''] = pathsIn(await text());
  await expect(bytes(first)).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
  expect(await bytes(second)).toEqual(media('a-1.ts'));
});

test('the newest segment is fetched before those who follow ask for it, and not for those who do not', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  const { text, bytes, clock, proxy } = host(channel.url);
  const next = async (): Promise<string> => {
    channel.move();
    clock.advance(6_000);
    return text();
  };
  await text();
  await next();
  expect(provider.count('/live/a-3.ts')).toBe(0);
  await bytes(pathsIn(await text())[1]!);
  const list = await next();
  await waitFor(() => provider.count('/live/a-4.ts') === 1);
  expect(await bytes(pathsIn(list).at(-1)!)).toEqual(media('a-4.ts'));
  expect(provider.count('/live/a-4.ts')).toBe(1);
  expect(proxy.statistics().prefetches).toBe(1);
});

test('bodies are readable while they grow, by those who come later too, and end when nobody is left', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  let push: (bytes: Buffer) => void = () => {};
  let isGone = false;
  provider.route('/live/a-0.ts', (_req, res) => {
    res.writeHead(200, { 'content-type': 'video/mp2t' });
    push = (bytes) => void res.write(bytes);
    push(media('x', 188));
    res.once('close', () => {
      isGone = true;
    });
  });
  const { text, get, clock } = host(channel.url);
  const [path = ''] = pathsIn(await text());
  const bodies = [await get(path), await get(path)].map(({ body }) => body);
  const readers = bodies.map((body) => {
    if (Buffer.isBuffer(body)) throw new Error('it cannot be complete');
    return body.open()[Symbol.asyncIterator]();
  });
  for (const reader of readers) expect((await reader.next()).value).toHaveLength(188);
  await readers[0]!.return?.();
  push(media('y', 376));
  expect((await readers[1]!.next()).value).toHaveLength(376);
  expect(isGone).toBe(false);
  await readers[1]!.return?.();
  // Who asks a moment later finds it on its way.
  clock.advance(2_999);
  const third = await get(path);
  if (Buffer.isBuffer(third.body)) throw new Error('it cannot be complete');
  const reader = third.body.open()[Symbol.asyncIterator]();
  expect((await reader.next()).value).toHaveLength(188);
  clock.advance(10_000);
  expect(isGone).toBe(false);
  await reader.return?.();
  clock.advance(3_001);
  await waitFor(() => isGone);
  expect(provider.count('/live/a-0.ts')).toBe(1);
});

test('a body larger than what may be kept passes through, held back by its slowest reader', async () => {
  const provider = await Provider.start();
  const channel = new LiveChannel(provider, '/live/', 'a');
  const total = 64 * 1024 * 1024;
  let sent = 0;
  provider.route('/live/a-0.ts', (_req, res) => {
    res.writeHead(200, { 'content-type': 'video/mp2t', 'content-length': total });
    const chunk = media('x', 65_536);
    const more = (): void => {
      while (sent < total && !res.destroyed) {
        sent += chunk.length;
        if (!res.write(chunk)) return;
      }
      res.end();
    };
    res.on('drain', more);
    more();
  });
  const cache = new HlsCache({ budgetBytes: 4 * 1024 * 1024 });
  const { text, get, clock } = host(channel.url, { cache });
  const [path = ''] = pathsIn(await text());
  const { body } = await get(path);
  if (Buffer.isBuffer(body)) throw new Error('it cannot be complete');
  expect(body.length).toBe(total);
  const slow = body.open()[Symbol.asyncIterator]();
  await slow.next();
  const held = (async () => {
    let bytes = 0;
    for await (const chunk of body.open()) bytes += chunk.length;
    return bytes;
  })();
  await waitFor(() => cache.heldBytes > 2 * 1024 * 1024);
  const most = sent;
  // Loopback sockets hold some MB on their own.
  expect(most).toBeLessThan(total / 2);
  expect(cache.heldBytes).toBeLessThan(4 * 1024 * 1024);
  // Whoever takes nothing while others wait is left behind.
  clock.advance(15_001);
  expect(await held).toBe(total);
  await expect(slow.next().then(() => slow.next())).rejects.toMatchObject({ code: 'UPSTREAM_CUT' });
  expect(cache.heldBytes).toBeLessThan(2 * 1024 * 1024 + 65_536);
});

test('a finished playlist is asked for once, and its next segment is fetched ahead', async () => {
  const provider = await Provider.start();
  const names = ['0', '1', '2', '3'];
  for (const name of names) provider.serve(`/${name}.ts`, media(name));
  const segments = names.map((name) => `#EXTINF:6,\n${name}.ts\n`).join('');
  provider.serve('/vod.m3u8', `${HEAD}#EXT-X-PLAYLIST-TYPE:VOD\n${segments}#EXT-X-ENDLIST\n`);
  const { text, bytes, get, clock } = host(provider.url('/vod.m3u8'));
  const paths = pathsIn(await text());
  expect(await bytes(paths[1]!)).toEqual(media('1'));
  await waitFor(() => provider.count('/2.ts') === 1);
  expect(provider.count('/0.ts') + provider.count('/3.ts')).toBe(0);
  clock.advance(9_000);
  await text();
  expect(provider.count('/vod.m3u8')).toBe(1);
  expect(await get('playlist.m3u8')).toMatchObject({ maxAgeMs: 60_000, targetDurationMs: 6_000 });
});

test('what is fetched ahead may be no further inside than the playlist that led to it, as what is asked for', async () => {
  const provider = await Provider.start();
  const inside = await Provider.start();
  inside.serve('/1.ts', media('inside'));
  provider.serve('/0.ts', media('0'));
  const list = `${HEAD}#EXTINF:6,\n0.ts\n#EXTINF:6,\n${inside.url('/1.ts')}\n#EXT-X-ENDLIST\n`;
  provider.serve('/vod.m3u8', list);
  // The stream itself is inside, and sends us outside.
  const outside = provider.url('/vod.m3u8').replace('127.0.0.1', 'localhost');
  provider.route('/go', (_req, res) => res.writeHead(302, { location: outside }).end());
  const { text, bytes, client, proxy } = host(provider.url('/go'));
  const toward = client.guard.toward.bind(client.guard);
  const forbidden = new StreampoolError('UPSTREAM_ADDRESS_FORBIDDEN', 'inside');
  jest
    .spyOn(client.guard, 'toward')
    .mockImplementation((hostname, from) =>
      from !== 'localhost'
        ? toward(hostname, from)
        : { refusal: () => forbidden, refusalOfHost: () => forbidden },
    );
  const [first = '', second = ''] = pathsIn(await text());
  expect(await bytes(first)).toEqual(media('0'));
  await waitFor(() => proxy.statistics().failedFetches === 1 || inside.requests.length > 0);
  expect(inside.requests).toEqual([]);
  await expect(bytes(second)).rejects.toMatchObject({ code: 'UPSTREAM_ADDRESS_FORBIDDEN' });
});

test('low latency: parts, hints and blocking reloads', async () => {
  const provider = await Provider.start();
  let [parts, newest] = [1, 10];
  const waiting: { ready: () => boolean; answer: () => void }[] = [];
  const moved = (): void => {
    for (const one of waiting.splice(0)) one.ready() ? one.answer() : waiting.push(one);
  };
  const list = (): string => {
    const open = Array.from(
      { length: parts },
      (_, n) => `#EXT-X-PART:DURATION=0.5,URI="p${newest + 1}.${n}.m4s"\n`,
    );
    const segments = [newest - 2, newest - 1, newest].map((n) => `#EXTINF:2,\ns${n}.m4s\n`).join('');
    return (
      `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.5\n` +
      `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=3,PART-HOLD-BACK=1.5\n#EXT-X-MEDIA-SEQUENCE:${newest - 2}\n` +
      `#EXT-X-MAP:URI="init.mp4"\n${segments}${open.join('')}` +
      `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p${newest + 1}.${parts}.m4s"\n`
    );
  };
  provider.route('/ll.m3u8', (req, res) => {
    const query = new URL(req.url ?? '', 'http://x').searchParams;
    const [sequence, part] = [Number(query.get('_HLS_msn') ?? -1), Number(query.get('_HLS_part') ?? 0)];
    const ready = (): boolean => sequence <= newest || (sequence === newest + 1 && part < parts);
    const answer = (): void => void res.end(list());
    if (ready()) answer();
    else waiting.push({ ready, answer });
  });
  const { text, clock, get } = host(provider.url('/ll.m3u8?sig=a%2Fb'));
  const first = await text();
  const [hint = ''] = pathsIn(first).slice(-1);
  const blocked = [1, 2, 3].map(() => text('playlist.m3u8', { query: '_HLS_msn=11&_HLS_part=1' }));
  await waitFor(() => waiting.length === 1);
  parts = 2;
  moved();
  const lists = await Promise.all(blocked);
  expect(new Set(lists).size).toBe(1);
  // The part has the address that it was announced under.
  expect(lists[0]).toContain(`#EXT-X-PART:DURATION=0.5,URI="${hint}"`);
  expect(provider.requests.at(-1)?.url).toBe('/ll.m3u8?sig=a%2Fb&_HLS_msn=11&_HLS_part=1');
  expect(provider.count('/ll.m3u8')).toBe(2);
  // What is there already is answered at once.
  await text('playlist.m3u8', { query: '_HLS_msn=11&_HLS_part=0' });
  expect(provider.count('/ll.m3u8')).toBe(2);
  [newest, parts] = [11, 1];
  clock.advance(300);
  const delta = await text('playlist.m3u8', { query: '_HLS_msn=11&_HLS_skip=YES' });
  expect(delta).toContain('#EXT-X-PART:');
  expect(await get('playlist.m3u8')).toMatchObject({ progress: { mediaSequence: expect.any(Number) } });
  // Too far ahead is no wait without an end (§6.2.5.2), unless the node that asks has seen it at another owner.
  const far = { query: '_HLS_msn=15&_HLS_part=0' };
  const refused = expect.objectContaining({ code: 'INVALID_REQUEST', status: 400 });
  await expect(get('playlist.m3u8', far)).rejects.toEqual(refused);
  await expect(get('playlist.m3u8', { query: '_HLS_part=0' })).rejects.toEqual(refused);
  const known = { mediaSequence: 13, discontinuitySequence: 0 };
  expect(await get('playlist.m3u8', { ...far, resume: known })).toMatchObject({ status: 200 });
  const skipping = await text('playlist.m3u8', { query: '_HLS_skip=YES' });
  expect(skipping).toContain('#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n');
  expect(numberIn(skipping, 'EXT-X-MEDIA-SEQUENCE')).toBe(9);
  expect(skipping.match(/#EXTINF/g)).toHaveLength(2);
});
