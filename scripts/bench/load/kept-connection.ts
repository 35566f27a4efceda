import { connect, type Socket } from 'node:net';

export interface KeptAnswer {
  readonly status: number;
  /** Bytes of the body. */
  readonly bytes: number;
  /** The body, where it was asked for. */
  readonly text: string;
  /** A transport stream of whole packets, as far as its first byte and its length say. */
  readonly aligned: boolean;
  /** From the request to the end of the answer. */
  readonly ms: number;
}

const SCRATCH_BYTES = 256 * 1024;
const TIMEOUT_MS = 15_000;

/**
 * One connection that is kept and asked for one thing after another (RFC 9112), at as little cost as Node allows: media
 * are read into one scratch buffer and not kept.
 */
export class KeptConnection {
  /** TCP connections that were needed. */
  opened = 0;
  readonly #origin: URL;
  readonly #headers: string;
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #socket: Socket | undefined;
  #onData: ((data: Buffer) => void) | undefined;
  #onEnd: ((error: Error) => void) | undefined;

  constructor(origin: string, userAgent: string) {
    this.#origin = new URL(origin);
    this.#headers = `Host: ${this.#origin.host}\r\nUser-Agent: ${userAgent}\r\n\r\n`;
  }

  /** @throws Error when the connection fails, or nothing complete came in time */
  async get(path: string, { text = false } = {}): Promise<KeptAnswer> {
    const began = performance.now();
    const body = new Body(text);
    const socket = this.#connected();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.destroy(new Error(`${path}: no answer in time`)), TIMEOUT_MS);
      const finish = (): void => {
        clearTimeout(timer);
        [this.#onData, this.#onEnd] = [undefined, undefined];
      };
      this.#onEnd = (error) => {
        finish();
        this.#socket = undefined;
        reject(error);
      };
      this.#onData = (data) => {
        body.push(data);
        if (!body.complete) return;
        finish();
        if (body.closes) {
          socket.destroy();
          this.#socket = undefined;
        }
        const { status, bytes, first } = body;
        const aligned = first === 0x47 && bytes % 188 === 0;
        resolve({ status, bytes, aligned, text: body.text, ms: performance.now() - began });
      };
      socket.write(`GET ${path} HTTP/1.1\r\n${this.#headers}`);
    });
  }

  #connected(): Socket {
    if (this.#socket && !this.#socket.destroyed) return this.#socket;
    this.opened += 1;
    const onread = {
      buffer: this.#scratch,
      callback: (length: number): boolean => {
        this.#onData?.(this.#scratch.subarray(0, length));
        return true;
      },
    };
    const socket = connect({ host: this.#origin.hostname, port: Number(this.#origin.port), onread });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (this.#socket === socket) this.#onEnd?.(new Error('the connection ended'));
    });
    this.#socket = socket;
    return socket;
  }

  close(): void {
    this.#socket?.destroy();
  }
}

/** One answer: head, then a body by length or in chunks. */
class Body {
  status = 0;
  bytes = 0;
  first = -1;
  complete = false;
  closes = false;
  readonly #keep: boolean;
  readonly #kept: Buffer[] = [];
  #head = '';
  #headDone = false;
  #chunked = false;
  #left = 0;
  /** Of a chunk's size line, as far as it has come. */
  #line = '';

  constructor(keep: boolean) {
    this.#keep = keep;
  }

  get text(): string {
    return Buffer.concat(this.#kept).toString();
  }

  push(data: Buffer): void {
    let rest = data;
    if (!this.#headDone) {
      const seen = this.#head.length;
      this.#head += rest.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#headDone = true;
      rest = rest.subarray(end + 4 - seen);
      const head = this.#head.slice(0, end);
      this.status = Number(head.slice(9, 12));
      this.closes = /\r\nconnection: close/i.test(head);
      this.#chunked = /\r\ntransfer-encoding: chunked/i.test(head);
      this.#left = this.#chunked ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (!this.#chunked && this.#left === 0) this.complete = true;
    }
    while (rest.length > 0 && !this.complete) rest = this.#left > 0 ? this.#media(rest) : this.#size(rest);
  }

  #media(data: Buffer): Buffer {
    const piece = data.subarray(0, this.#left);
    if (this.bytes === 0) this.first = piece[0]!;
    this.bytes += piece.length;
    this.#left -= piece.length;
    if (this.#keep) this.#kept.push(Buffer.from(piece));
    if (this.#left === 0 && !this.#chunked) this.complete = true;
    return data.subarray(piece.length);
  }

  #size(data: Buffer): Buffer {
    const end = data.indexOf(10);
    this.#line += data.toString('latin1', 0, end < 0 ? data.length : end + 1);
    if (end < 0) return data.subarray(data.length);
    const [, digits] = /^(?:\r\n)?([0-9a-f]+)[^\n]*\n$/i.exec(this.#line) ?? [];
    // The line break that closes a chunk stands alone.
    if (digits !== undefined) {
      this.#left = Number.parseInt(digits, 16);
      this.#line = '';
      if (this.#left === 0) this.complete = true;
    }
    return data.subarray(end + 1);
  }
}
