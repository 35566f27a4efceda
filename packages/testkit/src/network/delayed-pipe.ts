import type { Socket } from 'node:net';

/**
 * What a cut network looks like from both ends. `hold`: bytes wait, as they do in the kernel while nothing is
 * acknowledged, and arrive afterwards. `swallow`: bytes are lost, so that connections which lost some are reset when the
 * network is back. New connections are taken and nobody answers them.
 */
export type BlackHole = 'hold' | 'swallow';

/** Bytes that may wait in one direction of one connection; beyond, its sender is made to wait. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/** One direction of a connection through a proxy: bytes in order, each piece delayed, none while it is closed. */
export class DelayedPipe {
  delayMs = 0;
  readonly #onLost: () => void;
  /** null: the end of the stream. */
  readonly #waiting: { readonly chunk: Buffer | null; readonly dueMs: number }[] = [];
  #waitingBytes = 0;
  #source: Socket | undefined;
  #target: Socket | undefined;
  #closed: BlackHole | undefined;
  #timer: NodeJS.Timeout | undefined;
  #destroyed = false;

  /** `onLost` is called when bytes were swallowed. */
  constructor(source: Socket | undefined, onLost: () => void) {
    this.#onLost = onLost;
    if (source) this.from(source);
  }

  from(source: Socket): void {
    this.#source = source;
    source.on('data', (chunk) => this.#take(chunk));
    source.on('end', () => this.#take(null));
  }

  to(target: Socket): void {
    this.#target = target;
    target.on('drain', () => this.#flow());
    this.#send();
  }

  close(kind: BlackHole): void {
    this.#closed = kind;
    if (kind === 'swallow' && this.#waiting.splice(0).length > 0) {
      this.#waitingBytes = 0;
      this.#onLost();
    }
    this.#flow();
  }

  open(): void {
    this.#closed = undefined;
    this.#send();
  }

  destroy(): void {
    this.#destroyed = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #take(chunk: Buffer | null): void {
    if (this.#destroyed) return;
    if (this.#closed === 'swallow') {
      this.#onLost();
      return;
    }
    this.#waiting.push({ chunk, dueMs: performance.now() + this.delayMs });
    this.#waitingBytes += chunk?.length ?? 0;
    this.#send();
  }

  #send(): void {
    clearTimeout(this.#timer);
    while (!this.#destroyed && this.#closed === undefined && this.#target) {
      const [next] = this.#waiting;
      if (!next) break;
      const early = next.dueMs - performance.now();
      if (early > 0) {
        this.#timer = setTimeout(() => this.#send(), Math.ceil(early)).unref();
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= next.chunk?.length ?? 0;
      if (next.chunk === null) this.#target.end();
      else this.#target.write(next.chunk);
    }
    this.#flow();
  }

  /** Lets the sender go on, or wait, as TCP would. */
  #flow(): void {
    const isFull = this.#waitingBytes > MOST_WAITING_BYTES || (this.#target?.writableNeedDrain ?? false);
    if (isFull && this.#closed !== 'swallow') this.#source?.pause();
    else this.#source?.resume();
  }
}
