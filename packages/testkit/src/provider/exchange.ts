import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGzip, type Gzip } from 'node:zlib';
import { resetSocket } from '../network/reset-socket.ts';
import type { Fault } from './fault.ts';

export interface HeadOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes that follow. Without it the body ends with the connection, or is chunked. */
  readonly contentLength?: number;
  readonly chunked?: boolean;
  readonly gzip?: boolean;
}

/** The most a connection may hold in memory for a reader that does not read. */
const BACKLOG_BYTES = 8 * 1024 * 1024;

/** One request and its answer: counts what is sent and lets a planned fault strike where it should. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly url: URL;
  /** Body bytes handed to the socket. */
  sent = 0;
  /** Chunks left out because the reader was too slow for a live stream. */
  overruns = 0;
  readonly #response: ServerResponse;
  readonly #onBytes: (bytes: number) => void;
  #fault: Fault | undefined;
  #gzip: Gzip | undefined;
  #raw = false;
  #stalled = false;
  #closed = false;
  readonly #closeListeners = new Set<() => void>();
  readonly #resumeListeners = new Set<() => void>();

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
    onBytes: (bytes: number) => void,
  ) {
    this.request = request;
    this.#response = response;
    this.#fault = fault;
    this.#onBytes = onBytes;
    this.url = new URL(request.url ?? '/', 'http://provider');
    response.on('error', () => {});
    response.on('close', () => {
      this.#closed = true;
      for (const listener of this.#closeListeners) listener();
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#closeListeners.add(listener);
  }

  head({ status = 200, headers = {}, contentLength, chunked = false, gzip = false }: HeadOptions = {}): void {
    const response = this.#response;
    const all: Record<string, string> = { ...headers };
    if (this.#fault?.kind === 'content-length') {
      all['content-length'] = `${this.#fault.bytes}`;
      response.shouldKeepAlive = false;
    } else if (contentLength !== undefined && !gzip) all['content-length'] = `${contentLength}`;
    if (gzip) {
      all['content-encoding'] = 'gzip';
      this.#gzip = createGzip();
      this.#gzip.pipe(response);
    }
    if (all['content-length'] === undefined && !chunked) {
      response.useChunkedEncodingByDefault = false;
      response.shouldKeepAlive = false;
    }
    this.#raw = !gzip && !chunked;
    response.strictContentLength = false;
    response.writeHead(status, all);
    response.flushHeaders();
  }

  /** Sends body bytes. False: the reader is behind; a pulling sender waits for {@link drained}. */
  write(chunk: Buffer): boolean {
    if (this.#closed || this.#stalled) return true;
    const fault = this.#fault;
    if (fault && 'afterBytes' in fault && this.sent + chunk.length >= fault.afterBytes) {
      this.#fault = undefined;
      const head = chunk.subarray(0, fault.afterBytes - this.sent);
      this.#send(head);
      if (fault.kind === 'stall') {
        this.#stalled = true;
        return true;
      }
      if (fault.kind === 'cut') {
        this.cut(fault.how);
        return true;
      }
      this.#send(randomBytes(fault.bytes));
      return this.#send(chunk.subarray(head.length));
    }
    return this.#send(chunk);
  }

  /** As {@link write}, for a stream that does not wait: what a slow reader cannot take is left out. */
  writeLive(chunk: Buffer): void {
    if ((this.#response.socket?.writableLength ?? 0) > BACKLOG_BYTES) this.overruns += 1;
    else this.write(chunk);
  }

  #send(chunk: Buffer): boolean {
    if (chunk.length === 0) return true;
    this.sent += chunk.length;
    this.#onBytes(chunk.length);
    if (this.#gzip) {
      const ready = this.#gzip.write(chunk);
      this.#gzip.flush();
      return ready;
    }
    // Straight to the socket: an HTTP response of Node costs a multiple of it per write.
    const socket = this.#raw ? this.#response.socket : null;
    return socket ? socket.write(chunk) : this.#response.write(chunk);
  }

  /** Resolves when more can be sent, or the connection is gone. A stalled exchange waits until it may go on. */
  async drained(): Promise<void> {
    const target = this.#gzip ?? (this.#raw ? this.#response.socket : this.#response);
    if (this.#closed || (!this.#stalled && (!target || target.writableLength === 0))) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        if (this.#stalled && !this.#closed) return;
        this.#closeListeners.delete(done);
        this.#resumeListeners.delete(done);
        target?.removeListener('drain', done);
        resolve();
      };
      this.#closeListeners.add(done);
      this.#resumeListeners.add(done);
      target?.on('drain', done);
    });
  }

  stall(stalled: boolean): void {
    this.#stalled = stalled;
    if (!stalled) for (const listener of this.#resumeListeners) listener();
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  /** Ends the connection in the middle of whatever it was doing. */
  cut(how: 'fin' | 'rst'): void {
    const socket = this.#response.socket;
    if (!socket) return;
    if (how === 'rst') resetSocket(socket);
    else socket.end();
  }

  /** The body is complete. */
  end(): void {
    if (this.#closed || this.#stalled) return;
    if (this.#gzip) this.#gzip.end();
    else this.#response.end();
  }

  /** A small answer, complete. */
  reply(status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): void {
    const bytes = Buffer.from(body as string);
    this.head({ status, headers, contentLength: bytes.length });
    if (this.request.method !== 'HEAD') this.write(bytes);
    this.end();
  }
}
