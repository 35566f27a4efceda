import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import { type BlackHole, DelayedPipe } from './delayed-pipe.ts';
import { resetSocket } from './reset-socket.ts';

export interface ProxyDelays {
  /** Added on the way from the client to the server, ms. */
  readonly toServerMs?: number;
  /** Added on the way back, ms. */
  readonly toClientMs?: number;
}

interface Connection {
  readonly client: Socket;
  readonly pipes: readonly [DelayedPipe, DelayedPipe];
  server: Socket | undefined;
  /** Bytes were lost in it: it cannot go on. */
  torn: boolean;
}

/** A TCP proxy on a port of 127.0.0.1, for the network between two processes to fail on demand. */
export class FaultyTcpProxy {
  readonly #target: NetConnectOpts;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #port = 0;
  #delays: ProxyDelays = {};
  #hole: BlackHole | undefined;
  /** Connections taken so far, those in a black hole included. */
  accepted = 0;

  private constructor(target: NetConnectOpts) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#take(client));
  }

  /** `target`: where it leads; nobody need listen there yet. */
  static async start(target: NetConnectOpts): Promise<FaultyTcpProxy> {
    const proxy = new FaultyTcpProxy(target);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** For a target that speaks HTTP. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Delays what comes from now on, in running connections too. Nothing given: none. */
  delay(delays: ProxyDelays = {}): void {
    this.#delays = delays;
    for (const { pipes } of this.#connections) this.#setDelays(pipes);
  }

  /** Resets (or ends) the running connections; new ones are taken. Returns how many there were. */
  cut(how: 'rst' | 'fin' = 'rst'): number {
    const connections = [...this.#connections];
    for (const connection of connections) this.#drop(connection, how);
    return connections.length;
  }

  /** Nothing gets through in either direction, and nobody is told. */
  blackHole(kind: BlackHole = 'hold'): void {
    this.#hole = kind;
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.close(kind);
  }

  /** Takes the port off the network: running connections are reset, new ones refused, until {@link accept}. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
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

  /** The network is right again, without delays; listens if it refused. */
  async resume(): Promise<void> {
    this.#hole = undefined;
    this.delay();
    for (const connection of [...this.#connections]) {
      if (connection.torn || connection.client.destroyed) this.#drop(connection, 'rst');
      else {
        this.#connect(connection);
        for (const pipe of connection.pipes) pipe.open();
      }
    }
    if (!this.#server.listening) await this.accept();
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#server.listening) await this.refuse();
    else this.cut();
  }

  #take(client: Socket): void {
    this.accepted += 1;
    const onLost = (): void => {
      connection.torn = true;
    };
    const connection: Connection = {
      ...{ client, server: undefined, torn: false },
      pipes: [new DelayedPipe(client, onLost), new DelayedPipe(undefined, onLost)],
    };
    const [toServer, toClient] = connection.pipes;
    toClient.to(client);
    this.#setDelays(connection.pipes);
    this.#connections.add(connection);
    if (this.#hole !== undefined) {
      toServer.close(this.#hole);
      toClient.close(this.#hole);
    } else this.#connect(connection);
    this.#watch(client, connection);
  }

  #connect(connection: Connection): void {
    if (connection.server) return;
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
    connection.server = server;
    const [toServer, toClient] = connection.pipes;
    toServer.to(server);
    toClient.from(server);
    this.#watch(server, connection);
  }

  /** One end that breaks breaks the other, unless nobody would hear of it. */
  #watch(socket: Socket, connection: Connection): void {
    socket.on('error', () => {
      if (this.#hole === undefined) this.#drop(connection, 'rst');
      else connection.torn = true;
    });
    socket.on('close', () => {
      if (this.#hole === undefined && connection.client.destroyed && (connection.server?.destroyed ?? true))
        this.#drop(connection, 'fin');
    });
  }

  #drop(connection: Connection, how: 'rst' | 'fin'): void {
    if (!this.#connections.delete(connection)) return;
    for (const pipe of connection.pipes) pipe.destroy();
    for (const socket of [connection.client, connection.server]) {
      if (!socket) continue;
      if (how === 'rst') resetSocket(socket);
      else socket.destroy();
    }
  }

  #setDelays([toServer, toClient]: Connection['pipes']): void {
    toServer.delayMs = this.#delays.toServerMs ?? 0;
    toClient.delayMs = this.#delays.toClientMs ?? 0;
  }
}
