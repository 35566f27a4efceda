import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { HttpUpstreamClient } from '../src/index.ts';
import { collect, TIMEOUTS, until } from './collect.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './test-certificate.ts';
import { wireServer } from './wire-server.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n\r\n';

test('a host with several addresses is reached by the one that answers', async () => {
  const server = await wireServer((socket) => socket.end(`${HEAD}ab`));
  const client = new HttpUpstreamClient();
  const response = await client.open({ url: `http://localhost:${server.port}/`, headers: {} }, TIMEOUTS);
  expect((await collect(response)).body.toString()).toBe('ab');
  expect(server.requests[0]).toContain(`Host: localhost:${server.port}\r\n`);
  await server.close();
});

test('IPv6 addresses are reached', async () => {
  const server = await wireServer((socket) => socket.end(`${HEAD}ab`), '::1');
  const client = new HttpUpstreamClient();
  const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
  expect((await collect(response)).body.toString()).toBe('ab');
  expect(server.requests[0]).toContain(`Host: [::1]:${server.port}\r\n`);
  await server.close();
});

test('what cannot be reached is reported readably', async () => {
  const client = new HttpUpstreamClient();
  const server = await wireServer(() => {});
  await server.close();
  await expect(client.open({ url: server.url, headers: {} }, TIMEOUTS)).rejects.toMatchObject({
    code: 'UPSTREAM_CONNECT_FAILED',
    message: `Cannot connect to 127.0.0.1:${server.port}: the connection was refused`,
  });
  await expect(client.open({ url: 'http://nowhere.invalid/', headers: {} }, TIMEOUTS)).rejects.toMatchObject({
    code: 'UPSTREAM_CONNECT_FAILED',
  });
});

describe('TLS', () => {
  async function tlsServer(body: Buffer) {
    const names: (string | false | null)[] = [];
    const server = createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, (socket) => {
      names.push((socket as { servername?: string | false | null }).servername ?? null);
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.write(HEAD);
        socket.end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    return { server, port, names };
  }

  test('bodies arrive whole, through pauses and paced, and the host name is sent', async () => {
    const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7) % 251));
    const { server, port, names } = await tlsServer(body);
    const client = new HttpUpstreamClient({ verifyTls: false });
    const url = `https://localhost:${port}/`;
    const paced = await client.open({ url, headers: {} }, TIMEOUTS);
    expect((await collect(paced, { paceMs: 20 })).body.equals(body)).toBe(true);

    const response = await client.open({ url, headers: {} }, TIMEOUTS);
    const pieces: Buffer[] = [];
    let paused = false;
    await new Promise<void>((done) => {
      response.start({
        data: (chunk) => {
          expect(paused).toBe(false);
          pieces.push(Buffer.from(chunk));
          paused = true;
          response.pause();
          setImmediate(() => {
            paused = false;
            response.resume();
          });
        },
        end: () => done(),
      });
    });
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
    expect(names).toEqual(['localhost', 'localhost']);
    server.close();
  });

  test('a certificate nobody vouches for is refused with the reason', async () => {
    const { server, port } = await tlsServer(Buffer.alloc(1));
    const client = new HttpUpstreamClient();
    await expect(
      client.open({ url: `https://localhost:${port}/`, headers: {} }, TIMEOUTS),
    ).rejects.toMatchObject({
      code: 'UPSTREAM_CONNECT_FAILED',
      message: `Cannot connect to localhost:${port}: its certificate is self-signed`,
    });
    server.close();
  });

  test('a server that does not speak TLS is named as such', async () => {
    const plain = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad\r\n\r\n'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as { port: number };
    const client = new HttpUpstreamClient();
    await expect(
      client.open({ url: `https://127.0.0.1:${port}/`, headers: {} }, TIMEOUTS),
    ).rejects.toMatchObject({
      code: 'UPSTREAM_CONNECT_FAILED',
      message: `Cannot connect to 127.0.0.1:${port}: it does not speak TLS`,
    });
    plain.close();
  });
});

describe('deadlines', () => {
  test('a server that accepts and says nothing', async () => {
    const server = await wireServer((socket) => socket.write('HTTP/1.1 200 OK\r\n'));
    const client = new HttpUpstreamClient();
    await expect(
      client.open({ url: server.url, headers: {} }, { timeouts: { connectMs: 5_000, firstByteMs: 50 } }),
    ).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(client.stats()).toMatchObject({ openConnections: 0, connectionsByHost: {} });
    await until(() => server.sockets.size === 0, 'the provider sees the connection end');
    await server.close();
  });

  test('a server that accepts and never finishes the handshake', async () => {
    const server = await wireServer(() => {});
    const client = new HttpUpstreamClient();
    await expect(
      client.open(
        { url: `https://127.0.0.1:${server.port}/`, headers: {} },
        { timeouts: { connectMs: 50, firstByteMs: 5_000 } },
      ),
    ).rejects.toMatchObject({ code: 'UPSTREAM_TIMEOUT' });
    expect(client.stats().openConnections).toBe(0);
    await server.close();
  });
});

describe('leaving', () => {
  test('at any moment leaves no connection behind', async () => {
    const server = await wireServer((socket) => {
      const slow = setTimeout(() => {
        socket.write(HEAD);
        const flow = setInterval(() => socket.write(Buffer.alloc(5_000, 0x47)), 1);
        socket.on('close', () => clearInterval(flow));
      }, 5);
      socket.on('close', () => clearTimeout(slow));
    });
    const client = new HttpUpstreamClient();
    const ends: Promise<unknown>[] = [];
    const seen = { aborted: 0, closed: 0 };
    for (let i = 0; i < 60; i++) {
      const leave = new AbortController();
      const open = client.open({ url: server.url, headers: {} }, { ...TIMEOUTS, signal: leave.signal });
      // Every fourth stays for the head, however slow the machine is.
      const timer = i % 4 === 0 ? undefined : setTimeout(() => leave.abort(new Error('left')), (i % 20) * 2);
      ends.push(
        open.then(
          async (response) => {
            let closed = false;
            response.start(
              {
                data: () => {
                  expect(closed).toBe(false);
                },
                end: () => expect(closed).toBe(false),
              },
              { paceMs: i % 2 ? 50 : 0 },
            );
            await new Promise((resolve) => setTimeout(resolve, i % 10));
            closed = true;
            response.close();
            response.close();
            await response.closed;
            seen.closed++;
            clearTimeout(timer);
          },
          (error: Error) => {
            expect(error.message).toBe('left');
            seen.aborted++;
          },
        ),
      );
    }
    await Promise.all(ends);
    expect(seen.aborted).toBeGreaterThan(0);
    expect(seen.closed).toBeGreaterThan(0);
    expect(client.stats()).toMatchObject({ openConnections: 0, connectionsByHost: {} });
    await until(() => server.sockets.size === 0, 'the provider sees all connections end');
    await server.close();
  });

  test('an aborted signal opens nothing', async () => {
    const server = await wireServer(() => {});
    const client = new HttpUpstreamClient();
    await expect(
      client.open(
        { url: server.url, headers: {} },
        { ...TIMEOUTS, signal: AbortSignal.abort(new Error('no')) },
      ),
    ).rejects.toThrow('no');
    expect(client.stats().totalConnections).toBe(0);
    await server.close();
  });

  test('`closed` settles when the provider ends, too', async () => {
    let provider: Socket | undefined;
    const server = await wireServer((socket) => {
      provider = socket;
      socket.write(`${HEAD}ab`);
    });
    const client = new HttpUpstreamClient();
    const response = await client.open({ url: server.url, headers: {} }, TIMEOUTS);
    expect(client.stats().connectionsByHost).toEqual({ [`127.0.0.1:${server.port}`]: 1 });
    const whole = collect(response);
    provider?.end();
    expect((await whole).error).toBeUndefined();
    await response.closed;
    expect(client.stats().openConnections).toBe(0);
    await server.close();
  });
});
