import { request } from 'node:http';
import { connect } from 'node:net';
import { checkPlaylist, FakeProvider, ODD_QUERY, seededRandom } from '@streampool/testkit';
import { useHlsStage } from './hls-stage.ts';

const stage = useHlsStage();
/** Somebody else's server: nothing may ever be fetched from it. */
let canary: FakeProvider;
beforeAll(async () => {
  canary = await FakeProvider.start();
});
afterAll(() => canary.close());

/** The status of a path exactly as it is written, and the body. */
function ask(path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(stage.server.url);
    const call = request({ hostname, port, path, agent: false, timeout: 30_000 }, (response) => {
      let body = '';
      response.on('data', (data: Buffer) => {
        body += data.toString('latin1');
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}

async function open(
  folder: string,
): Promise<{ base: string; token: string; extension: string; variant: string }> {
  stage.provider.multivariant(folder, {
    ...{
      segmentSeconds: 2,
      query: ODD_QUERY,
      variants: [{ name: 'only', sample: stage.media.sample, bandwidth: 500_000 }],
    },
  });
  const url = new URL(await stage.create('streams', { url: stage.provider.url(`${folder}main.m3u8`) }));
  const base = url.pathname.replace('playlist.m3u8', '');
  const entry = checkPlaylist((await ask(url.pathname)).body);
  const variant = entry.variants[0]!.uri;
  const { segments } = checkPlaylist((await ask(new URL(variant, url).pathname)).body);
  const segment = new URL(segments[0]!.uri, new URL(variant, url)).pathname.slice(base.length);
  const [, token = '', extension = ''] = /^segment\/([^.]+)\.(.*)$/.exec(segment) ?? [];
  return { base, token, extension, variant: /^variant\/([^.]+)\./.exec(variant)![1]! };
}

test('addresses cannot be forged, exchanged or talked into anything, and the provider is not even asked', async () => {
  const one = await open('/one/');
  const two = await open('/two/');
  expect((await ask(`${one.base}segment/${one.token}.${one.extension}`)).status).toBe(200);
  expect((await ask(`${two.base}segment/${two.token}.${two.extension}`)).status).toBe(200);
  const asked = (): number => stage.provider.stats('/one/').total + stage.provider.stats('/two/').total;
  const before = asked();

  const segment = (token: string, base = one.base): string => `${base}segment/${token}.${one.extension}`;
  const random = seededRandom(7);
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const altered = Array.from({ length: 60 }, () => {
    const at = Math.floor(random() * one.token.length);
    const other = [...ALPHABET].filter((letter) => letter !== one.token[at])[Math.floor(random() * 63)]!;
    return segment(one.token.slice(0, at) + other + one.token.slice(at + 1));
  });
  const target = canary.url('/secret');
  const encoded = encodeURIComponent(target);
  const plain = Buffer.from(JSON.stringify(['m', target])).toString('base64url');
  const forged = [
    ...altered,
    ...[
      segment(two.token),
      segment(one.token, two.base),
      segment(one.variant),
      `${one.base}variant/${one.token}.m3u8`,
    ],
    ...[
      segment(one.token.slice(0, -1)),
      segment(`${one.token}A`),
      segment(`${one.token}=`),
      segment(`${one.token}%00`),
    ],
    ...[
      segment(one.token.toLowerCase()),
      segment(''),
      segment('A'),
      segment('A'.repeat(5_000)),
      segment(plain),
    ],
    ...[
      segment(Buffer.from(target).toString('base64url')),
      segment(encoded),
      `${one.base}segment/${encoded}`,
    ],
    ...[
      `${one.base}segment?url=${encoded}`,
      `${one.base}segment.ts?url=${encoded}`,
      `${one.base}segment/?url=${encoded}`,
    ],
    ...['file:///etc/passwd', '/etc/passwd', 'data:text/plain,x', 'concat:/etc/passwd', 'pipe:0'].flatMap(
      (uri) => [
        `${one.base}segment?url=${encodeURIComponent(uri)}`,
        `${one.base}segment/${encodeURIComponent(uri)}`,
      ],
    ),
    ...[
      `${one.base}../../etc/passwd`,
      `${one.base}..%2f..%2fetc%2fpasswd`,
      `${one.base}segment/..%2f..%2f..%2fetc%2fpasswd`,
    ],
    ...[
      `${one.base}segment/%2e%2e/%2e%2e/%2e%2e/etc/passwd`,
      `${one.base}%00`,
      `${one.base}segment/${one.token}`,
    ],
    ...[`${one.base}${encoded}`, `/hls/nothing/segment/${one.token}.${one.extension}`],
  ];
  const answers = await Promise.all(forged.map(async (path) => ({ path, ...(await ask(path)) })));
  const accepted = answers
    .filter(({ status }) => status < 400 || status >= 500)
    .map(({ path, status }) => [status, path]);
  expect(accepted).toEqual([]);
  expect(answers.filter(({ body }) => body.includes('root:'))).toEqual([]);
  expect(asked()).toBe(before);
  expect(canary.connections + canary.mostConnections).toBe(0);
});

test('a proxy request in absolute form is no way out', async () => {
  const { port, hostname } = new URL(stage.server.url);
  const socket = connect(Number(port), hostname);
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('close', () => resolve(''));
  });
  socket.write(
    `GET ${canary.url('/secret')} HTTP/1.1\r\nHost: ${new URL(canary.url('/')).host}\r\nConnection: close\r\n\r\n`,
  );
  expect(await answer).not.toMatch(/^HTTP\/1\.1 2/);
  socket.destroy();
  expect(canary.mostConnections).toBe(0);
});

test('what a playlist names beyond http is never opened', async () => {
  const lines = [
    ...['#EXTM3U', '#EXT-X-VERSION:6', '#EXT-X-TARGETDURATION:2', '#EXT-X-MAP:URI="file:///etc/hostname"'],
    ...[
      'file:///etc/passwd',
      'data:text/plain,root:',
      'gopher://127.0.0.1/',
      'concat:/etc/passwd|x',
      'ftp://127.0.0.1/x',
    ].flatMap((uri) => ['#EXTINF:2,', uri]),
    ...['#EXTINF:2,', 'fine.ts', '#EXT-X-ENDLIST', ''],
  ];
  stage.provider.route('/odd.m3u8', (exchange) =>
    exchange.reply(200, lines.join('\n'), { 'content-type': 'application/vnd.apple.mpegurl' }),
  );
  const url = new URL(await stage.create('streams', { url: stage.provider.url('/odd.m3u8') }));
  const { status, body } = await ask(url.pathname);
  // Refused as a whole, or every address that it still names is refused.
  const named =
    status === 200
      ? [...body.matchAll(/(?:^|")((?:segment|variant)\/[^"\n]+)/gm)].map(([, uri]) => uri!)
      : [];
  const answers = await Promise.all(named.map((uri) => ask(new URL(uri, url).pathname)));
  expect(answers.filter((answer) => answer.status < 400)).toEqual([]);
  expect(body).not.toMatch(/^(?:file|data|gopher|concat|ftp):/m);
  expect([body, ...answers.map((answer) => answer.body)].filter((text) => text.includes('root:'))).toEqual(
    [],
  );
});
