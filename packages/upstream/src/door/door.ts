import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { AddressGuard } from '../address-guard.ts';
import type { UpstreamClient, UpstreamTarget } from '../types.ts';
import { Feed, type FeedOptions } from './feed.ts';
import { SocketOpening } from './socket-opening.ts';
import { type DoorHandlers, type DoorStats, type DoorTimeouts, TargetOpening } from './target-opening.ts';

export interface DoorOptions {
  readonly client: UpstreamClient & { readonly guard: AddressGuard };
  readonly timeouts: DoorTimeouts;
}

/** Something that readers reach under a URL of its own until it is closed. */
export interface Opening {
  readonly url: string;
  /** Ends all connections of the opening, on both sides. Idempotent; settles once the provider's are closed. */
  close(): Promise<void>;
}

interface Served extends Opening {
  handle(path: string, req: IncomingMessage, res: ServerResponse): void;
}

/**
 * The loopback door: FFmpeg (or any program on this machine) reads what the upstream client fetches, and so opens no
 * network connection itself. Each opening has an unguessable token in its path and shows nothing else. Only 127.0.0.1
 * is listened on, and the client's guard refuses the door itself as a target.
 */
export class Door {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #openings = new Map<string, Served>();

  /** Listens on a free port of 127.0.0.1. */
  static async listen(options: DoorOptions): Promise<Door> {
    const door = new Door(options);
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    options.client.guard.refuseOwnPort(door.#port);
    return door;
  }

  private constructor(options: DoorOptions) {
    this.#options = options;
    this.#server = createServer((req, res) => this.#route(req, res));
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Openings that are not closed yet. */
  get openings(): number {
    return this.#openings.size;
  }

  /** Lets readers fetch a target, and whatever its playlists refer to, any number of times. Opens nothing by itself. */
  open(
    target: UpstreamTarget,
    handlers: DoorHandlers = {},
    timeouts: Partial<DoorTimeouts> = {},
  ): Opening & { readonly stats: DoorStats } {
    const token = newToken();
    const opening = new TargetOpening({
      client: this.#options.client,
      target,
      handlers,
      timeouts: { ...this.#options.timeouts, ...timeouts },
      base: this.#base(token),
    });
    const close = this.#register(token, opening);
    return {
      url: opening.url,
      get stats() {
        return opening.stats;
      },
      close,
    };
  }

  /** A URL whose first reader is handed over as a bare socket: the response head is written, the body is the caller's. */
  openSocket(onReader: (socket: Socket) => void, contentType = 'video/mp2t'): Opening {
    const token = newToken();
    const opening = new SocketOpening(`${this.#base(token)}/stream.ts`, contentType, onReader);
    return { url: opening.url, close: this.#register(token, opening) };
  }

  /** A URL whose first reader gets what the caller pushes. See {@link Feed}. */
  openFeed(options: FeedOptions = {}): Opening & Pick<Feed, 'write' | 'end' | 'bufferedBytes'> {
    const feed = new Feed(options);
    const { url, close } = this.openSocket((socket) => feed.attach(socket));
    return {
      url,
      get bufferedBytes() {
        return feed.bufferedBytes;
      },
      write: (chunk) => feed.write(chunk),
      end: () => feed.end(),
      close: () => {
        feed.end();
        return close();
      },
    };
  }

  /** Closes all openings and the port. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.#openings.values()].map((opening) => opening.close()));
    this.#openings.clear();
    if (!this.#server.listening) return;
    const port = this.#port;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    this.#options.client.guard.allowOwnPort(port);
  }

  #base(token: string): string {
    return `http://127.0.0.1:${this.#port}/${token}`;
  }

  #register(token: string, opening: Served): () => Promise<void> {
    this.#openings.set(token, opening);
    return () => {
      this.#openings.delete(token);
      return opening.close();
    };
  }

  #route(req: IncomingMessage, res: ServerResponse): void {
    const [, token = '', path = ''] = /^\/([\w-]+)\/([^?]*)/.exec(req.url ?? '') ?? [];
    const opening = this.#openings.get(token);
    if (!opening) res.writeHead(404).end();
    else if (req.method !== 'GET' && req.method !== 'HEAD') res.writeHead(405, { Allow: 'GET, HEAD' }).end();
    else opening.handle(path, req, res);
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}
