import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';

/** What a client may take to send a request, in ms; a response, once begun, may take for ever. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for requests that take too long, at the least. Its own 30 s would let them have three times theirs. */
const CHECKING_INTERVAL_MS = 5_000;
/** Longer than load balancers keep theirs (60 s is usual), so that it is they who close an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const MAX_HEADER_BYTES = 32 * 1024;
/** Ten thousand viewers may come at once, after a goal or a restart; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

export type Handler = (req: IncomingMessage, res: ServerResponse) => void;

/**
 * The HTTP server under the application. The data plane writes the bodies of viewers' responses to their sockets, which
 * such a response stays attached to (`openBareBody`): so what is asked behind it is not answered in the middle of the picture.
 */
export class HttpServer {
  readonly server: Server;
  /**
   * Sockets with answers under way: how many (requests may be pipelined), and the bytes that had been written before the first.
   * Only the sockets are held: their requests and responses must be free to go.
   */
  readonly #answering = new WeakMap<Socket, { count: number; readonly bytesBefore: number }>();

  constructor(
    handler: Handler,
    {
      headersTimeoutMs = HEADERS_TIMEOUT_MS,
      requestTimeoutMs = REQUEST_TIMEOUT_MS,
    }: { headersTimeoutMs?: number; requestTimeoutMs?: number } = {},
  ) {
    this.server = createServer(
      {
        headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: Math.min(CHECKING_INTERVAL_MS, headersTimeoutMs / 2),
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        noDelay: true,
      },
      (req, res) => {
        const { socket } = req;
        const answering = this.#answering.get(socket) ?? { count: 0, bytesBefore: socket.bytesWritten };
        answering.count += 1;
        this.#answering.set(socket, answering);
        res.once('close', () => {
          answering.count -= 1;
          if (answering.count === 0) this.#answering.delete(socket);
        });
        handler(req, res);
      },
    );
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const answering = this.#answering.get(socket);
      // A body that comes too slowly, or is framed wrongly, is told so; an answer that has begun is not written into.
      const begun = answering !== undefined && socket.bytesWritten > answering.bytesBefore;
      if (begun || !socket.writable || error.code === 'ECONNRESET') socket.destroy();
      else socket.end(refusal(statusOf(error.code)), () => socket.destroy());
    });
    // Without a listener Node closes the connection without a word.
    this.server.on('connect', (_req, socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(refusal(405), () => socket.destroy());
    });
  }

  /** Resolves with the port. @throws the error of `listen`, such as EADDRINUSE */
  listen(address: { host: string; port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ ...address, backlog: BACKLOG }, () => {
        this.server.off('error', reject);
        const bound = this.server.address();
        resolve(typeof bound === 'object' && bound !== null ? bound.port : address.port);
      });
    });
  }

  /** Takes nothing new, lets what is under way end, and cuts what has not by the deadline. Idempotent. */
  close(deadlineMs: number): Promise<void> {
    if (!this.server.listening) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.server.closeAllConnections(), deadlineMs);
      this.server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      this.server.closeIdleConnections();
    });
  }
}

function statusOf(errorCode: string | undefined): number {
  if (errorCode === 'HPE_HEADER_OVERFLOW') return 431;
  return errorCode === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}

/** An answer to what is no HTTP request, in the shape of all errors. */
function refusal(status: number): string {
  const body = JSON.stringify({ code: 'INVALID_REQUEST', detail: STATUS_CODES[status], request_id: '' });
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`
  );
}
