import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AddressGuard, type UpstreamTarget } from '@streampool/upstream';
import { GuardedProxy } from '../src/guarded-proxy.ts';
import { ProgramResolver } from '../src/index.ts';

const MASTER = `#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1000000,RESOLUTION=640x360,CODECS="avc1.4d401f,mp4a.40.2"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,RESOLUTION=1280x720,CODECS="avc1.4d401f,mp4a.40.2"
high.m3u8
`;

/** Answers like the program, from what is in a file; writes down how it was asked. */
const FAKE = `#!/bin/sh
printf '%s\\n' "$@" > "$(dirname "$0")/asked"
for word; do case "$word" in --cookies=*|--config=*) cat "\${word#*=}" > "$(dirname "$0")/cookies";; esac; done
echo run >> "$(dirname "$0")/runs"
env > "$(dirname "$0")/environment"
cat "$(dirname "$0")/answer"
`;

let directory: string;
let resolver: ProgramResolver;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'resolver-'));
  for (const name of ['streamlink', 'yt-dlp']) {
    writeFileSync(join(directory, name), FAKE);
    chmodSync(join(directory, name), 0o755);
  }
  resolver = make();
});
afterEach(async () => {
  await resolver.close();
  rmSync(directory, { recursive: true });
});

function make(guard = new AddressGuard()): ProgramResolver {
  return new ProgramResolver({
    guard,
    programs: { streamlink: join(directory, 'streamlink'), ytdlp: join(directory, 'yt-dlp') },
    openCookies: (sealed) => (sealed.startsWith('sealed:') ? sealed.slice(7) : undefined),
    deadlineMs: 15_000,
  });
}

function answer(value: unknown): void {
  writeFileSync(join(directory, 'answer'), JSON.stringify(value));
}
const asked = (): string[] => readFileSync(join(directory, 'asked'), 'utf8').trim().split('\n');
const runs = (): number => readFileSync(join(directory, 'runs'), 'utf8').trim().split('\n').length;

function page(resolver: UpstreamTarget['resolver'], url = 'https://site.example/watch?v=1'): UpstreamTarget {
  return { url, headers: { 'X-Own': 'a' }, userAgent: 'Player/1', ...(resolver && { resolver }) };
}

test('streamlink names the media, and what has to be told there', async () => {
  answer({
    type: 'hls',
    url: 'https://cdn.example/live.m3u8?t=1',
    headers: { 'User-Agent': 'Site/2', Referer: 'https://site.example/', Connection: 'keep-alive' },
  });
  const found = await resolver.resolve(page({ name: 'streamlink', args: '720p' }));
  expect(found).toEqual({
    url: 'https://cdn.example/live.m3u8?t=1',
    headers: { 'X-Own': 'a', Referer: 'https://site.example/' },
    userAgent: 'Site/2',
  });
  expect(asked()).toEqual(
    expect.arrayContaining(['--json', '--http-header=User-Agent=Player/1', '--http-header=X-Own=a']),
  );
  expect(asked().slice(-3)).toEqual(['--', 'https://site.example/watch?v=1', '720p']);
});

test.each(['streamlink', 'ytdlp'] as const)(
  '%s: the guarded way out is in the environment, for what is asked before options are read',
  async (name) => {
    answer({ url: 'https://cdn.example/live.m3u8' });
    await resolver.resolve(page({ name, args: 'best' }));
    const proxy = asked()
      .find((word) => /^--(?:http-)?proxy=/.test(word))!
      .replace(/^[^=]*=/, '');
    const environment = readFileSync(join(directory, 'environment'), 'utf8').split('\n');
    for (const variable of [
      'http_proxy',
      'https_proxy',
      'all_proxy',
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'ALL_PROXY',
    ])
      expect(environment).toContain(`${variable}=${proxy}`);
    expect(environment).toEqual(expect.arrayContaining(['no_proxy=', 'NO_PROXY=']));
  },
);

test('yt-dlp: of sound and pictures apart the best that has both is taken', async () => {
  const format = (url: string, more: object) => ({ url, http_headers: { Referer: 'r' }, ...more });
  answer({
    requested_formats: [{}, {}],
    formats: [
      format('https://a.example/video', { vcodec: 'avc1', acodec: 'none', tbr: 9000 }),
      format('https://a.example/low', { vcodec: 'avc1', acodec: 'mp4a', tbr: 500 }),
      format('https://a.example/high', { vcodec: 'avc1', acodec: 'mp4a', tbr: 2500 }),
    ],
  });
  const found = await resolver.resolve(page({ name: 'ytdlp', args: 'bestvideo+bestaudio/best' }));
  expect(found).toMatchObject({ url: 'https://a.example/high', headers: { Referer: 'r' } });
});

test('an answer is kept, for all who ask at once and later, until it is said to be no good', async () => {
  answer({ url: 'https://cdn.example/a.m3u8' });
  const target = page({ name: 'streamlink', args: 'best' });
  await Promise.all([resolver.resolve(target), resolver.resolve(target)]);
  await resolver.resolve(target);
  expect(runs()).toBe(1);
  resolver.forget(target);
  await resolver.resolve(target);
  expect(runs()).toBe(2);
});

test('a file address in the place of media is no answer', async () => {
  answer({ url: 'file:///etc/passwd' });
  await expect(resolver.resolve(page({ name: 'streamlink', args: 'best' }))).rejects.toMatchObject({
    code: 'RESOLVER_FAILED',
  });
});

test('what no plugin knows may be media itself; other errors are told', async () => {
  answer({ error: 'No plugin can handle URL: https://site.example/live.ts' });
  expect(await resolver.resolve(page({ name: 'streamlink', args: 'best' }))).toMatchObject({
    url: 'https://site.example/watch?v=1',
  });
  answer({ error: 'No playable streams found on this URL' });
  await expect(resolver.resolve(page({ name: 'streamlink', args: 'worst' }))).rejects.toMatchObject({
    code: 'RESOLVER_FAILED',
    message: 'streamlink: No playable streams found on this URL',
  });
});

test('cookies are in memory while the program runs, and streamlink gets those of the page only', async () => {
  answer({ url: 'https://cdn.example/a.m3u8' });
  const cookies =
    'sealed:.site.example\tTRUE\t/\tTRUE\t0\tsid\tsecret\nother.example\tFALSE\t/\tTRUE\t0\tb\tforeign\n';
  await resolver.resolve(page({ name: 'streamlink', args: 'best', cookies }));
  expect(readFileSync(join(directory, 'cookies'), 'utf8')).toBe('http-cookie=sid=secret\n');
  expect(asked().join(' ')).not.toContain('secret');
  answer({ url: 'https://cdn.example/b.m3u8' });
  await resolver.resolve(page({ name: 'ytdlp', args: 'best', cookies }));
  expect(readFileSync(join(directory, 'cookies'), 'utf8')).toContain('sid\tsecret');
  expect(
    readdirSync('/dev/shm').filter((name) => name.startsWith(`streampool-cookies-${process.pid}-`)),
  ).toEqual([]);
});

test('a program that is not there, or does not end', async () => {
  const without = new ProgramResolver({
    guard: new AddressGuard(),
    programs: { ytdlp: '/nonexistent' },
    openCookies: () => undefined,
    deadlineMs: 20_000,
  });
  await expect(without.resolve(page({ name: 'streamlink', args: '' }))).rejects.toMatchObject({
    code: 'RESOLVER_MISSING',
  });
  await expect(without.resolve(page({ name: 'ytdlp', args: '' }))).rejects.toMatchObject({
    code: 'RESOLVER_MISSING',
  });
  await without.close();
  writeFileSync(join(directory, 'streamlink'), '#!/bin/sh\nsleep 60\n');
  const slow = new ProgramResolver({
    guard: new AddressGuard(),
    programs: { streamlink: join(directory, 'streamlink') },
    openCookies: () => undefined,
    deadlineMs: 300,
  });
  await expect(slow.resolve(page({ name: 'streamlink', args: '' }))).rejects.toMatchObject({
    code: 'RESOLVER_TIMEOUT',
  });
  await slow.close();
});

describe('the programs themselves', () => {
  let site: Server;
  let seen: IncomingMessage[];
  beforeEach(async () => {
    seen = [];
    site = createServer((req, res) => {
      seen.push(req);
      if (req.url?.startsWith('/page'))
        res.setHeader('Content-Type', 'text/html').end('<video src="/master.m3u8"></video>');
      else res.setHeader('Content-Type', 'application/vnd.apple.mpegurl').end(MASTER);
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => site.close(resolve)));

  test.each([
    ['streamlink', 'best', '/master.m3u8'],
    ['ytdlp', 'bestvideo+bestaudio/best', '/page.html'],
  ] as const)(
    '%s finds the best there is, by way of the guard',
    async (name, args, path) => {
      const program = name === 'ytdlp' ? 'yt-dlp' : name;
      const base = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
      const open = (guard: AddressGuard) =>
        new ProgramResolver({
          guard,
          programs: { [name]: program },
          openCookies: (text) => text,
          deadlineMs: 20_000,
        });
      const free = open(new AddressGuard());
      const cookies = '127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\tsecret\n';
      try {
        const found = await free.resolve(page({ name, args, cookies }, base + path)).catch((error) => {
          if (error.code === 'RESOLVER_MISSING') return undefined;
          throw error;
        });
        // Neither is needed for anything else: where it is not installed there is nothing to be seen here.
        if (!found) return;
        expect(found.url).toBe(`${base}/high.m3u8`);
        expect(seen[0]?.headers).toMatchObject({ 'user-agent': 'Player/1', cookie: 'sid=secret' });
      } finally {
        await free.close();
      }
      seen = [];
      const guarded = open(new AddressGuard({ access: 'public' }));
      try {
        await expect(guarded.resolve(page({ name, args }, base + path))).rejects.toMatchObject({
          code: 'RESOLVER_FAILED',
        });
        expect(seen).toEqual([]);
      } finally {
        await guarded.close();
      }
    },
    60_000,
  );
});

test('a way out that could not be opened once is opened for the next page', async () => {
  answer({ url: 'https://cdn.example/live.m3u8' });
  const { listen } = GuardedProxy;
  GuardedProxy.listen = () => Promise.reject(new Error('EMFILE'));
  const wanted = page({ name: 'streamlink', args: 'best' });
  try {
    await expect(resolver.resolve(wanted)).rejects.toThrow('EMFILE');
  } finally {
    GuardedProxy.listen = listen;
  }
  await expect(resolver.resolve(wanted)).resolves.toMatchObject({ url: 'https://cdn.example/live.m3u8' });
});
