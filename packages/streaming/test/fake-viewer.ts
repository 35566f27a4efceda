import { EventEmitter } from 'node:events';
import type { ViewerRequest } from '../src/index.ts';

/** A socket that takes everything at once, until it is told to take nothing. */
export class FakeSocket extends EventEmitter {
  destroyed = false;
  writable = true;
  ended = false;
  bytes = 0;
  writableLength = 0;
  /** What is written from now on stays in `writableLength`. */
  blocked = false;

  write(bytes: Buffer): boolean {
    if (this.blocked) this.writableLength += bytes.length;
    else this.bytes += bytes.length;
    return !this.blocked;
  }

  /** The peer reads again: what was held back goes out. */
  unblock(): void {
    this.blocked = false;
    this.bytes += this.writableLength;
    this.writableLength = 0;
    this.emit('drain');
  }

  end(): void {
    this.ended = true;
    this.writable = false;
  }

  setTimeout(): void {}

  setNoDelay(): void {}

  resetAndDestroy(): void {
    this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

class FakeResponse extends EventEmitter {
  readonly socket = new FakeSocket();
  headersSent = false;
  destroyed = false;

  writeHead(): void {
    this.headersSent = true;
  }

  flushHeaders(): void {}
}

/** A player of which only the response exists. */
export class FakeViewer {
  readonly response = new FakeResponse();
  readonly request: ViewerRequest;

  constructor(clientId: string) {
    this.request = {
      clientId,
      ip: '127.0.0.1',
      userAgent: 'test',
      requestId: clientId,
      req: { method: 'GET', headers: {} } as never,
      res: this.response as never,
    };
  }

  get socket(): FakeSocket {
    return this.response.socket;
  }

  leave(): void {
    this.socket.destroy();
    this.response.destroyed = true;
    this.response.emit('close');
  }
}
