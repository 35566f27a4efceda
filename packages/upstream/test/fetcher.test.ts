import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { waitFor } from '@streampool/testkit';
import { type FetchOptions, HttpUpstreamClient, type UpstreamFetcher } from '../src/index.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './test-certificate.ts';

const TIMEOUTS: FetchOptions = { timeouts: { connectMs: 20_000, firstByteMs: 20_000, stallMs: 20_000 } };
/** Of those that nobody answers. */
const SHORT: FetchOptions = { timeouts: { connectMs: 20_000, firstByteMs: 300, stallMs: 300 } };

interface Origin {
  readonly url: string;
  readonly sockets: Set<Socket>;
  readonly seen: IncomingMessage[];
  most: number;
  total: number;
  close(): void;
}

const origins: Origin[] = [];
const fetchers: UpstreamFetcher[] = [];
afterEach(async () => {
  await Promise.all(fetchers.splice(0).map((fetcher) => fetcher.close()));
  for (const origin of origins.splice(0)) origin.close();
});

async function origin(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<Origin> {
  const server = createServer((req, res) => {
    it.seen.push(req);
    answer(req, res);
  });
  const it: Origin = {
    ...{ url: '', sockets: new Set(), seen: [], most: 0, total: 0 },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  server.on('connection', (socket: Socket) => {
    it.sockets.add(socket);
    it.total += 1;
    it.most = Math.max(it.most, it.sockets.size);
    socket.on('error', () => {});
    socket.on('close', () => it.sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  origins.push(it);
  return Object.assign(it, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function fetcher(client = new HttpUpstreamClient(), options = {}): UpstreamFetcher {
  const it = client.fetcher(options);
  fetchers.push(it);
  return it;
}

async function text(it: UpstreamFetcher, url: string, more = {}, options = TIMEOUTS): Promise<string> {
  const response = await it.fetch({ url, headers: {}, ...more }, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test('one connection serves requests that follow each other, and the client counts it', async () => {
  const server = await origin((req, res) => res.end(`body of ${req.url}`));
  const client = new HttpUpstreamClient();
  const it = fetcher(client);
  for (const path of ['/a', '/b', '/c']) expect(await text(it, server.url + path)).toBe(`body of ${path}`);
  expect(server.total).toBe(1);
  expect(client.stats()).toMatchObject({ openConnections: 1, totalConnections: 1 });
  expect(client.stats().totalBytes).toBeGreaterThan(3 * 'body of /a'.length);
  await it.close();
  expect(client.stats().openConnections).toBe(0);
});

test('there are never more connections than allowed, also where hosts differ', async () => {
  const held: ServerResponse[] = [];
  const one = await origin((_req, res) => held.push(res));
  const other = await origin((_req, res) => held.push(res));
  const client = new HttpUpstreamClient();
  const it = fetcher(client, { maxConnections: 2 });
  const urls = [one.url, other.url, one.url, other.url, one.url].map((url, n) => `${url}/${n}`);
  const all = Promise.all(urls.map((url) => text(it, url)));
  let most = 0;
  for (let served = 0; served < urls.length; served += 1) {
    await waitFor(() => held.length > 0);
    most = Math.max(most, client.stats().openConnections);
    held.shift()!.end('x');
  }
  expect(await all).toEqual(['x', 'x', 'x', 'x', 'x']);
  expect(most).toBe(2);
});

test('path and query go on the wire as they are', async () => {
  const server = await origin((req, res) => res.end(req.url));
  const path = `/a%2fb/./c;d/../e?sig=a'b|c%2B+~&x=[1]{2}`;
  expect(await text(fetcher(), server.url + path)).toBe(path);
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
])('%s is taken off', async (coding, encode) => {
  const body = '#EXTM3U\n'.repeat(10_000);
  const server = await origin((_req, res) => {
    res.writeHead(200, { 'content-encoding': coding });
    res.end(encode(body));
  });
  const it = fetcher();
  expect(await text(it, server.url)).toBe(body);
  expect(await text(it, server.url)).toBe(body);
  expect(server.total).toBe(1);
});

test('credentials stay behind where a redirect leads to another origin, and where another origin is asked', async () => {
  const cdn = await origin((_req, res) => res.end('media'));
  const server = await origin((_req, res) => res.writeHead(302, { location: `${cdn.url}/x` }).end('moved'));
  const headers = { Authorization: 'Bearer s3cret', Cookie: 'a=b', Referer: 'http://site.example/' };
  const it = fetcher();
  const response = await it.fetch({ url: `${server.url}/y`, headers, userAgent: 'Player/1' }, TIMEOUTS);
  expect(response.url).toBe(`${cdn.url}/x`);
  for await (const _ of response.body);
  expect(server.seen[0]?.headers).toMatchObject({ authorization: 'Bearer s3cret', 'user-agent': 'Player/1' });
  await text(it, `${cdn.url}/z`, { headers, credentialsFor: `${server.url}/y` });
  for (const { headers: seen } of cdn.seen) {
    expect(seen).toMatchObject({ referer: 'http://site.example/' });
    expect(seen.authorization ?? seen.cookie).toBeUndefined();
  }
});

test('the address guard judges every hop', async () => {
  const server = await origin((_req, res) =>
    res.writeHead(302, { location: 'http://169.254.169.254/meta' }).end(),
  );
  const it = fetcher();
  await expect(text(it, server.url)).rejects.toMatchObject({ code: 'UPSTREAM_ADDRESS_FORBIDDEN' });
  const guarded = fetcher(new HttpUpstreamClient({ policy: { access: 'public' } }));
  await expect(text(guarded, server.url.replace('127.0.0.1', 'localhost'))).rejects.toMatchObject({
    code: 'UPSTREAM_ADDRESS_FORBIDDEN',
  });
});

test('a kept connection that the provider has closed meanwhile costs nobody an error', async () => {
  let requests = 0;
  const server = await origin((req, res) => {
    requests += 1;
    // Closed without an answer, as by a server whose keep-alive has just run out.
    if (requests === 2) req.socket.resetAndDestroy();
    else res.end('ok');
  });
  const it = fetcher();
  expect(await text(it, server.url)).toBe('ok');
  expect(await text(it, server.url)).toBe('ok');
  expect(requests).toBe(3);
});

test('silence ends with a timeout, before the head and within the body; a cut body says so', async () => {
  const server = await origin((req, res) => {
    if (req.url === '/head') return;
    res.writeHead(200, { 'content-length': 100 });
    res.write('some');
    if (req.url === '/cut') setTimeout(() => res.destroy(), 20);
  });
  const it = fetcher();
  for (const silent of ['/head', '/body']) {
    const asked = text(it, server.url + silent, {}, SHORT);
    await expect(asked).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
  }
  await expect(text(it, `${server.url}/cut`)).rejects.toMatchObject({ code: 'UPSTREAM_CUT' });
  await waitFor(() => server.sockets.size === 0);
});

test('a body that nobody reads on holds the provider back, and is gone when its reader leaves', async () => {
  let sent = 0;
  const server = await origin((_req, res) => {
    const push = (): void => {
      while (!res.destroyed && sent < 512 * 1024 * 1024) {
        sent += 64 * 1024;
        if (!res.write(Buffer.alloc(64 * 1024))) break;
      }
    };
    res.on('drain', push);
    push();
  });
  const it = fetcher();
  const response = await it.fetch({ url: server.url, headers: {} }, TIMEOUTS);
  for await (const chunk of response.body) {
    expect(chunk.length).toBeGreaterThan(0);
    break;
  }
  await waitFor(() => server.sockets.size === 0);
  expect(sent).toBeLessThan(64 * 1024 * 1024);
});

test('a request that is given up ends its connection, and lets the next one go on', async () => {
  const server = await origin((req, res) => {
    if (req.url === '/ok') res.end('ok');
  });
  const it = fetcher(new HttpUpstreamClient(), { maxConnections: 1 });
  const leaving = new AbortController();
  const given = it.fetch(
    { url: `${server.url}/never`, headers: {} },
    { ...TIMEOUTS, signal: leaving.signal },
  );
  const next = text(it, `${server.url}/ok`);
  leaving.abort(new Error('gone'));
  await expect(given).rejects.toThrow('gone');
  expect(await next).toBe('ok');
});

test('over TLS as well: one connection, and its certificate is looked at', async () => {
  const server = createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (req, res) => res.end(req.url));
  let connections = 0;
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `https://localhost:${(server.address() as AddressInfo).port}`;
  const it = fetcher(new HttpUpstreamClient({ verifyTls: false }));
  for (const path of ['/a', '/b']) expect(await text(it, url + path)).toBe(path);
  expect(connections).toBe(1);
  await expect(text(fetcher(), `${url}/c`)).rejects.toMatchObject({ code: 'UPSTREAM_CONNECT_FAILED' });
  await it.close();
  server.close();
});
