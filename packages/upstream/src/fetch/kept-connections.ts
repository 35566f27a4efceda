import { Agent as HttpAgent, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AddressGuard, AddressJudge } from '../address-guard.ts';
import type { TargetUrl } from '../http/target-url.ts';
import type { ConnectionCounters } from '../socket/connection-counters.ts';
import type { FreshNames } from '../socket/fresh-names.ts';
import { guardedLookup } from '../socket/guarded-lookup.ts';

/** What fetching shares with the client's other connections. */
export interface FetchContext {
  readonly guard: AddressGuard;
  readonly counters: ConnectionCounters;
  readonly names: FreshNames;
  readonly verifyTls: boolean;
}

const MAX_HEAD_BYTES = 64 * 1024;

/** The connections of one fetcher, kept open between its requests: Node's agents, with the guard at every connect. */
export class KeptConnections {
  readonly #context: FetchContext;
  readonly #plain: HttpAgent;
  readonly #secure: HttpsAgent;
  readonly #open = new Map<Socket, Promise<void>>();
  /** Bytes of each that have been counted. */
  readonly #counted = new WeakMap<Socket, number>();
  readonly #hosts = new WeakMap<Socket, string>();

  constructor(context: FetchContext, keepAliveMs: number) {
    this.#context = context;
    const options = { keepAlive: true, timeout: keepAliveMs, scheduling: 'lifo' as const };
    this.#plain = this.#observed(new HttpAgent(options));
    this.#secure = this.#observed(new HttpsAgent(options));
  }

  get openConnections(): number {
    return this.#open.size;
  }

  /** What `http.request` or `https.request` is to be told of the target. */
  requestOptions(
    target: TargetUrl,
    { fresh, judge }: { fresh: boolean; judge: AddressJudge },
  ): RequestOptions & { rejectUnauthorized: boolean } {
    const { names, verifyTls } = this.#context;
    return {
      agent: target.secure ? this.#secure : this.#plain,
      host: target.hostname,
      port: target.port,
      path: target.path,
      setHost: false,
      lookup: guardedLookup(judge, target.port, fresh ? names.lookup : undefined),
      // Providers' heads are as they are; see ResponseHeadParser.
      insecureHTTPParser: true,
      maxHeaderSize: MAX_HEAD_BYTES,
      rejectUnauthorized: verifyTls,
      ...(target.secure && isIP(target.hostname) === 0 && { servername: target.hostname }),
    };
  }

  /** Makes room for one more: idle ones of other hosts go where there would be too many. */
  makeRoom(target: TargetUrl, most: number): void {
    const idle = [...this.#idle()];
    if (idle.some(({ host }) => host === hostOf(target))) return;
    for (const { socket } of idle.slice(0, Math.max(0, this.#open.size + 1 - most))) this.#drop(socket);
  }

  /** Idle ones to that host, or all. */
  closeIdle(target?: TargetUrl): void {
    for (const { socket, host } of [...this.#idle()]) {
      if (!target || host === hostOf(target)) this.#drop(socket);
    }
  }

  /** What has arrived since the last call. */
  count(socket: Socket): void {
    const { bytesRead } = socket;
    this.#context.counters.read(bytesRead - (this.#counted.get(socket) ?? 0));
    this.#counted.set(socket, bytesRead);
  }

  /** Settles once all are closed. */
  async close(): Promise<void> {
    for (const socket of this.#open.keys()) socket.destroy();
    this.#plain.destroy();
    this.#secure.destroy();
    await Promise.all(this.#open.values());
  }

  *#idle(): Iterable<{ socket: Socket; host: string }> {
    for (const agent of [this.#plain, this.#secure]) {
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets ?? []) yield { socket, host: this.#hosts.get(socket) ?? '' };
      }
    }
  }

  #drop(socket: Socket): void {
    socket.destroy();
    this.#forget(socket);
  }

  #observed<A extends HttpAgent>(agent: A): A {
    const observed: HttpAgent = agent;
    const create = observed.createConnection.bind(agent);
    observed.createConnection = (options, callback): Duplex | null | undefined => {
      const socket = create(options, callback);
      if (socket) this.#opened(socket as Socket, options as { host: string; port: number });
      return socket;
    };
    return agent;
  }

  #opened(socket: Socket, { host, port }: { host: string; port: number }): void {
    const { counters, guard, names } = this.#context;
    const name = `${host}:${port}`;
    this.#hosts.set(socket, name);
    counters.opened(name);
    socket.setNoDelay(true);
    socket.once('connect', () => {
      names.connected(host, socket.remoteAddress);
      guard.connected(host, socket.remoteAddress);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open.set(socket, promise);
    socket.once('close', () => {
      this.count(socket);
      counters.closed(name);
      this.#forget(socket);
      resolve();
    });
  }

  #forget(socket: Socket): void {
    this.#open.delete(socket);
  }
}

function hostOf({ hostname, port }: TargetUrl): string {
  return `${hostname}:${port}`;
}
