import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sample } from '../fixtures/sample.ts';
import { resetSocket } from '../network/reset-socket.ts';
import { EndlessStream } from './endless.ts';
import { Exchange } from './exchange.ts';
import { type Fault, FaultPlan } from './fault.ts';
import { type FileOptions, serveFile } from './file-route.ts';
import { HlsChannel, type HlsOptions } from './hls/hls-channel.ts';
import type { HlsMedia } from './hls/hls-media.ts';
import { MultivariantChannel, type MultivariantOptions } from './hls/multivariant.ts';
import { LiveChannel, type LiveOptions } from './live-channel.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** What a path has seen since the provider started. */
export interface PathStats {
  /** Requests being answered now. */
  current: number;
  /** The most at once. */
  max: number;
  total: number;
  /** Body bytes sent. */
  bytes: number;
  /** The newest 1,000. */
  requests: SeenRequest[];
}

type Route = (exchange: Exchange, rest: string) => void | Promise<void>;

const KEPT_REQUESTS = 1_000;

/**
 * A provider of streams on 127.0.0.1 that misbehaves on demand and counts who is connected, so that a test can prove
 * "one upstream". Paths are exact, except those that end in `/`, which own everything below.
 */
export class FakeProvider {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #routes = new Map<string, Route>();
  readonly #stats = new Map<string, PathStats>();
  readonly #open = new Map<string, Set<Exchange>>();
  readonly #faults = new FaultPlan();
  readonly #channels: LiveChannel[] = [];
  #port = 0;
  #limit = { most: Number.POSITIVE_INFINITY, status: 403 };
  /** The most TCP connections that were open at once. */
  mostConnections = 0;

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      this.mostConnections = Math.max(this.mostConnections, this.#sockets.size);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** `keepAliveMs`: how long a connection is kept without a request; `cors`: pages of other origins may read it. */
  static async start({ port = 0, keepAliveMs = 1_000, cors = false } = {}): Promise<FakeProvider> {
    const provider = new FakeProvider();
    if (cors)
      provider.#server.prependListener('request', (_, response) => {
        response.setHeader('access-control-allow-origin', '*');
      });
    provider.#server.keepAliveTimeout = keepAliveMs;
    provider.#port = port;
    await provider.accept();
    return provider;
  }

  get port(): number {
    return this.#port;
  }

  /** The URL of a path, with userinfo if given as `user:password`. */
  url(path: string, userinfo?: string): string {
    return `http://${userinfo === undefined ? '' : `${userinfo}@`}127.0.0.1:${this.#port}${path}`;
  }

  // --- what it serves; the same path again replaces what was there ---

  /** A live channel. Several paths are one channel under several names. */
  live(
    paths: string | readonly string[],
    sample: Pick<Sample, 'path' | 'seconds'>,
    options?: LiveOptions,
  ): LiveChannel {
    const channel = new LiveChannel(sample, options);
    this.#channels.push(channel);
    for (const path of [paths].flat()) this.route(path, (exchange) => channel.serve(exchange));
    return channel;
  }

  /** A transport stream without end and without pace. */
  endless(path: string, sample: Pick<Sample, 'path' | 'seconds'>, options?: { chunkBytes?: number }): void {
    const stream = new EndlessStream(sample, options);
    this.route(path, (exchange) => stream.serve(exchange));
  }

  file(path: string, file: string, options?: FileOptions): void {
    this.route(path, (exchange) => serveFile(exchange, file, options));
  }

  /** An HLS channel below `directory`, which ends in `/`: `master.m3u8`, `index.m3u8` and what they name. */
  hls(
    directory: string,
    media: HlsMedia | Pick<Sample, 'path' | 'seconds'>,
    options?: HlsOptions,
  ): HlsChannel {
    const channel = new HlsChannel(media, options);
    this.route(directory, (exchange, rest) => channel.serve(exchange, rest));
    return channel;
  }

  /** Several variants of one channel below `directory`, which ends in `/`: `main.m3u8` and what it names. */
  multivariant(directory: string, options: MultivariantOptions): MultivariantChannel {
    const channel = new MultivariantChannel(options);
    this.route(directory, (exchange, rest) => channel.serve(exchange, rest));
    return channel;
  }

  redirect(path: string, to: string, { status = 302 } = {}): void {
    this.route(path, (exchange) => exchange.reply(status, '', { location: to }));
  }

  route(path: string, route: Route): void {
    this.#routes.set(path, route);
  }

  // --- what goes wrong ---

  /** Plans a fault for the next `times` requests of a path. */
  fault(path: string, fault: Fault, { times = Number.POSITIVE_INFINITY } = {}): void {
    this.#faults.add(path, fault, times);
  }

  clearFaults(path?: string): void {
    this.#faults.clear(path);
  }

  /** Ends the running connections of a path. Returns how many there were. */
  cut(path: string, how: 'fin' | 'rst' = 'rst'): number {
    const open = [...(this.#open.get(path) ?? [])];
    for (const exchange of open) exchange.cut(how);
    return open.length;
  }

  /** Silences the running connections of a path, or lets them go on. */
  stall(path: string, stalled = true): void {
    for (const exchange of this.#open.get(path) ?? []) exchange.stall(stalled);
  }

  /** Requests are refused while more TCP connections than that are open. */
  limitConnections(most: number, status = 403): void {
    this.#limit = { most, status };
  }

  /** Takes the port off the network: running connections are reset, new ones refused, until {@link accept}. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) resetSocket(socket);
    await closed;
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.removeListener('error', reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** What a path has seen. A directory's path sums up what is below it. */
  stats(path: string): PathStats {
    let stats = this.#stats.get(path);
    if (!stats) {
      stats = { current: 0, max: 0, total: 0, bytes: 0, requests: [] };
      this.#stats.set(path, stats);
    }
    return stats;
  }

  /** TCP connections that are open now, idle ones included. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends everything. Idempotent. */
  async close(): Promise<void> {
    for (const channel of this.#channels.splice(0)) channel.close();
    if (this.#server.listening) await this.refuse();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const pathname = new URL(request.url ?? '/', 'http://provider').pathname;
    const directory = [...this.#routes.keys()].find(
      (path) => path.endsWith('/') && pathname.startsWith(path),
    );
    const key = this.#routes.has(pathname) ? pathname : (directory ?? pathname);
    const stats = this.stats(key);
    stats.total += 1;
    stats.current += 1;
    stats.max = Math.max(stats.max, stats.current);
    stats.requests.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    if (stats.requests.length > KEPT_REQUESTS) stats.requests.shift();

    const fault = this.#faults.take(pathname) ?? (key === pathname ? undefined : this.#faults.take(key));
    const exchange = new Exchange(request, response, fault, (bytes) => {
      stats.bytes += bytes;
    });
    const open = this.#open.get(key) ?? new Set();
    this.#open.set(key, open.add(exchange));
    exchange.onClose(() => {
      open.delete(exchange);
      stats.current -= 1;
    });
    this.#answer(exchange, fault, this.#routes.get(key), pathname.slice(key.length)).catch(() =>
      exchange.cut('rst'),
    );
  }

  async #answer(
    exchange: Exchange,
    fault: Fault | undefined,
    route: Route | undefined,
    rest: string,
  ): Promise<void> {
    switch (fault?.kind) {
      case 'status':
        return exchange.reply(fault.status, fault.body ?? 'fault', fault.headers);
      case 'html':
        return exchange.reply(200, '<!DOCTYPE html><html><body>Buy a plan</body></html>', {
          'content-type': 'text/html',
        });
      case 'no-head':
        return;
      case 'reset':
        return exchange.cut('rst');
      case 'not-http':
        exchange.request.socket.end('ICY lol\r\n\x00\x01\x02');
        return;
      case 'slow-head':
        await delay(fault.ms, undefined, { ref: false });
    }
    if (exchange.closed) return;
    if (this.#sockets.size > this.#limit.most) exchange.reply(this.#limit.status, 'too many connections');
    else if (route) await route(exchange, rest);
    else exchange.reply(404, 'no such path');
  }
}

/** A URL at which nobody listens: connections are refused. */
export async function refusedUrl(path = '/'): Promise<string> {
  const provider = await FakeProvider.start();
  const url = provider.url(path);
  await provider.close();
  return url;
}
