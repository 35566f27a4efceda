import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

type Route = (req: IncomingMessage, res: ServerResponse) => void;

const open = new Set<Provider>();
afterEach(() => {
  for (const provider of open) provider.close();
  open.clear();
});

/** A provider of playlists and segments on 127.0.0.1. Routes are by path, without the query. */
export class Provider {
  /** Path and query of every request, in order. */
  readonly requests: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = [];
  readonly #server: Server;
  readonly #routes = new Map<string, Route>();
  readonly #sockets = new Set<Socket>();
  /** Requests being answered, and the most at once. */
  active = 0;
  mostActive = 0;
  connections = 0;

  private constructor() {
    this.#server = createServer((req, res) => {
      this.requests.push({ url: req.url ?? '', headers: req.headers });
      this.active += 1;
      this.mostActive = Math.max(this.mostActive, this.active);
      res.once('close', () => {
        this.active -= 1;
      });
      const route = this.#routes.get((req.url ?? '').replace(/\?.*$/s, ''));
      if (route) route(req, res);
      else res.writeHead(404).end('no such thing');
    });
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => {
      provider.#server.listen(0, '127.0.0.1', resolve);
    });
    open.add(provider);
    return provider;
  }

  url(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  route(path: string, route: Route): void {
    this.#routes.set(path, route);
  }

  /** A body that is what `content` returns by then. */
  serve(
    path: string,
    content: string | Buffer | (() => string | Buffer),
    headers: Record<string, string> = {},
  ): void {
    this.route(path, (_req, res) => {
      res.writeHead(200, headers).end(typeof content === 'function' ? content() : content);
    });
  }

  status(path: string, status: number): void {
    this.route(path, (_req, res) => res.writeHead(status).end('refused'));
  }

  count(path: string): number {
    return this.requests.filter(({ url }) => url.replace(/\?.*$/s, '') === path).length;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Bytes that pass for a transport stream, different for each name. */
export function media(name: string, bytes = 1_880): Buffer {
  const body = Buffer.alloc(bytes, name);
  for (let at = 0; at < bytes; at += 188) body[at] = 0x47;
  body[1] = 0;
  return body;
}

export interface LiveOptions {
  readonly seconds?: number;
  readonly window?: number;
  /** Before the segments. */
  readonly head?: readonly string[];
  /** Number of the first segment, whatever its name is. */
  readonly sequence?: number;
}

/** A live channel in a directory (which ends in `/`): `index.m3u8` and `<name>-<n>.ts`. It moves on when told. */
export class LiveChannel {
  readonly #provider: Provider;
  readonly #directory: string;
  readonly #options: Required<LiveOptions>;
  readonly #name: string;
  #newest = 0;
  /** Added to the numbers in the playlist. */
  shift = 0;
  /** Lines in front of the segment with that number. */
  readonly before = new Map<number, string[]>();

  constructor(provider: Provider, directory: string, name: string, options: LiveOptions = {}) {
    this.#provider = provider;
    this.#directory = directory;
    this.#name = name;
    this.#options = { seconds: 6, window: 3, head: [], sequence: 0, ...options };
    this.shift = this.#options.sequence;
    for (let n = 0; n < this.#options.window; n += 1) this.move();
    provider.serve(`${directory}index.m3u8`, () => this.playlist(), {
      'content-type': 'application/vnd.apple.mpegurl',
    });
  }

  get url(): string {
    return this.#provider.url(`${this.#directory}index.m3u8`);
  }

  /** A segment more. */
  move(): void {
    const name = `${this.#name}-${this.#newest}.ts`;
    this.#provider.serve(`${this.#directory}${name}`, media(name), { 'content-type': 'video/mp2t' });
    this.#newest += 1;
  }

  playlist(): string {
    const { seconds, window, head } = this.#options;
    const first = Math.max(0, this.#newest - window);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${seconds}`, ...head];
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${first + this.shift}`);
    for (let n = first; n < this.#newest; n += 1)
      lines.push(...(this.before.get(n) ?? []), `#EXTINF:${seconds},`, `${this.#name}-${n}.ts`);
    return `${lines.join('\n')}\n`;
  }
}
