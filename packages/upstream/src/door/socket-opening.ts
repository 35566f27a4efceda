import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { openBareBody } from '../transfer/bare-body.ts';

/** A door URL whose one reader is handed to the caller as a bare socket. */
export class SocketOpening {
  readonly url: string;
  readonly #onReader: (socket: Socket) => void;
  readonly #contentType: string;
  #socket: Socket | undefined;
  #closed = false;

  constructor(url: string, contentType: string, onReader: (socket: Socket) => void) {
    this.url = url;
    this.#contentType = contentType;
    this.#onReader = onReader;
  }

  handle(_path: string, req: IncomingMessage, res: ServerResponse): void {
    if (req.method === 'HEAD') {
      res.writeHead(200, { 'Content-Type': this.#contentType }).end();
      return;
    }
    if (this.#socket || this.#closed) {
      // What the first reader was given cannot be given again.
      res.writeHead(410).end();
      return;
    }
    this.#socket = openBareBody(res, 200, { 'Content-Type': this.#contentType });
    if (this.#socket) {
      this.#socket.on('error', () => {}); // 'close' follows.
      this.#onReader(this.#socket);
    }
  }

  /** Ends the reader. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    this.#socket?.destroy();
    return Promise.resolve();
  }
}
