import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { isStreampoolError } from '@streampool/errors';
import { HttpUpstreamClient } from '@streampool/upstream';
import { type DirectOptions, DirectViewer } from '../../src/direct/index.ts';
import type { StreamSpec } from '../../src/engine-api.ts';

/** A provider whose answers the test writes byte by byte. */
export interface Provider {
  readonly url: string;
  readonly port: number;
  /** Request heads, in order. */
  readonly requests: string[];
  readonly sockets: Set<Socket>;
  close(): Promise<void>;
}

const open = new Set<{ close(): Promise<void> }>();
// What a failed test leaves open would keep the process alive.
afterAll(() => Promise.all([...open].map((server) => server.close())));

export async function provider(
  answer: (socket: Socket, head: string, index: number) => void,
): Promise<Provider> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    let head = '';
    const onData = (data: Buffer) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      socket.resume();
      answer(socket, head, requests.push(head) - 1);
    };
    socket.on('data', onData);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const result: Provider = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server.close(), 'close');
    },
  };
  open.add(result);
  return result;
}

export interface Edge {
  readonly url: string;
  readonly port: number;
  readonly client: HttpUpstreamClient;
  readonly viewers: DirectViewer[];
  close(): Promise<void>;
}

const TIMEOUTS = {
  connectMs: 5_000,
  firstByteMs: 5_000,
  stallMs: 5_000,
  resume: { attempts: 4, backoffMs: 10, deadlineMs: 5_000 },
};

/** An HTTP server whose every request is one viewer of `target` + the request's path. */
export async function edge(
  target: string,
  options: Partial<DirectOptions> & { failoverUrls?: string[] } = {},
): Promise<Edge> {
  const client = new HttpUpstreamClient();
  const viewers: DirectViewer[] = [];
  const { failoverUrls = [], ...direct } = options;
  const server = createHttpServer((req, res) => {
    const spec: StreamSpec = {
      id: 's',
      kind: 'direct',
      target: { url: target + req.url, headers: {} },
      failoverUrls,
      contentType: 'video/mp2t',
    };
    const viewer = new DirectViewer(
      spec,
      { clientId: `c${viewers.length}`, ip: '', userAgent: '', requestId: '', req, res },
      { client, timeouts: TIMEOUTS, clientTimeoutMs: 10_000, paceMs: 0, ...direct },
    );
    viewers.push(viewer);
    viewer.start().catch((error: unknown) => {
      if (res.headersSent || res.destroyed) return;
      const [status, code] = isStreampoolError(error) ? [error.status, error.code] : [500, String(error)];
      res.writeHead(status, { 'X-Code': code }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const result: Edge = {
    url: `http://127.0.0.1:${port}`,
    port,
    client,
    viewers,
    close: async () => {
      for (const viewer of viewers) viewer.close('shutdown');
      if (!server.listening) return;
      const closed = once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
  open.add(result);
  return result;
}

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The connection was reset, or the body is shorter than its Content-Length. */
  readonly broken: boolean;
}

/** A raw player: it sees exactly what goes over the wire. */
export async function play(
  port: number,
  path: string,
  headers: string[] = [],
  method = 'GET',
): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  const pieces: Buffer[] = [];
  let reset = false;
  socket.on('data', (data) => pieces.push(data));
  socket.on('error', () => {
    reset = true;
  });
  socket.write(
    [`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n'),
  );
  await once(socket, 'close').catch(() => {});
  return parseAnswer(Buffer.concat(pieces), reset, method);
}

function parseAnswer(wire: Buffer, reset: boolean, method: string): Answer {
  const end = wire.indexOf('\r\n\r\n');
  const [first = '', ...lines] = wire.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const body = end < 0 ? Buffer.alloc(0) : wire.subarray(end + 4);
  const length = headers['content-length'];
  const short = method !== 'HEAD' && length !== undefined && body.length !== Number(length);
  return { status: Number(first.split(' ')[1] ?? 0), headers, body, broken: reset || short };
}

export async function until(check: () => boolean, what: string, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`Not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
