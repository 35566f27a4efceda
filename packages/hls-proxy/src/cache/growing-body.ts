import { StreampoolError } from '@streampool/errors';
import type { HlsBody } from '@streampool/hls';
import type { Clock } from '@streampool/streaming';

export interface GrowingBodyOptions {
  readonly length?: number | undefined;
  /** Up to so many bytes it is kept whole; a larger one is passed through. */
  readonly mostKept: number;
  /** Of one that is passed through: the most bytes between the source and the slowest reader. */
  readonly windowBytes: number;
  /** A reader that takes nothing for this long while others wait for it is left behind. */
  readonly patienceMs: number;
  readonly clock: Clock;
  /** Nobody reads any more, and it is not complete. */
  readonly onAbandoned: () => void;
  readonly onRead?: (bytes: number) => void;
}

interface Reader {
  /** The next chunk, counted from the first one ever. */
  next: number;
  isLost: boolean;
}

/**
 * A body that is read while it still grows, by any number of readers and by each from its first byte on. One that turns out
 * to be larger than what may be kept goes through a window: then its source waits for the slowest reader.
 */
export class GrowingBody implements HlsBody {
  readonly #options: GrowingBodyOptions;
  readonly #readers = new Set<Reader>();
  #chunks: Buffer[] = [];
  /** Chunks and bytes that are gone already. */
  #gone = 0;
  #held = 0;
  #bytes = 0;
  #isPassing: boolean;
  #over: { readonly error?: StreampoolError } | undefined;
  #changed = Promise.withResolvers<void>();
  #room = Promise.withResolvers<void>();

  constructor(options: GrowingBodyOptions) {
    this.#options = options;
    this.#isPassing = (options.length ?? 0) > options.mostKept;
  }

  get length(): number | undefined {
    return this.isWhole ? this.#bytes : this.#options.length;
  }

  /** Bytes in memory. */
  get heldBytes(): number {
    return this.#held;
  }

  get receivedBytes(): number {
    return this.#bytes;
  }

  /** Its end is known, be it the right one or not. */
  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Complete, and all of it is here. */
  get isWhole(): boolean {
    return this.#over !== undefined && !this.#over.error && this.#gone === 0;
  }

  /** It can be read from its first byte on. */
  get isOpenable(): boolean {
    return this.#gone === 0 && !this.#over?.error;
  }

  /** Somebody reads it now. */
  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  get isKept(): boolean {
    return !this.#isPassing;
  }

  /** Takes a chunk, which must not change any more. Resolves when there is room for another one. */
  async push(chunk: Buffer): Promise<void> {
    if (this.#over) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.mostKept) this.#isPassing = true;
    this.#notify();
    while (this.#isPassing && this.#held > this.#options.windowBytes && !this.#over)
      await this.#waitForRoom();
  }

  /** Complete (no error), or broken off. Idempotent. */
  end(error?: StreampoolError): void {
    if (this.#over) return;
    this.#over = error ? { error } : {};
    this.#notify();
    this.#room.resolve();
  }

  open(): AsyncIterable<Buffer> {
    // From now on nothing that it has not read is dropped.
    const reader: Reader = { next: this.#gone, isLost: this.#gone > 0 };
    this.#readers.add(reader);
    return { [Symbol.asyncIterator]: () => this.#read(reader) };
  }

  async *#read(reader: Reader): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const chunk = this.#chunks[reader.next - this.#gone];
        if (reader.isLost) throw new StreampoolError('UPSTREAM_CUT', 'the reader fell too far behind');
        if (chunk) {
          this.#options.onRead?.(chunk.length);
          yield chunk;
          reader.next += 1;
          this.#drop();
        } else if (this.#over) {
          if (this.#over.error) throw this.#over.error;
          return;
        } else await this.#changed.promise;
      }
    } finally {
      this.#readers.delete(reader);
      this.#drop();
      if (this.#readers.size === 0 && !this.#over) this.#options.onAbandoned();
    }
  }

  /** What all readers have read goes, of a body that is not kept. */
  #drop(): void {
    if (!this.#isPassing || this.#readers.size === 0) return;
    const slowest = Math.min(...[...this.#readers].map(({ next }) => next));
    while (this.#gone < slowest && this.#chunks.length > 0) {
      this.#held -= this.#chunks.shift()!.length;
      this.#gone += 1;
    }
    if (this.#held <= this.#options.windowBytes) this.#room.resolve();
  }

  async #waitForRoom(): Promise<void> {
    this.#room = Promise.withResolvers();
    const before = this.#gone;
    const cancel = this.#options.clock.after(this.#options.patienceMs, () => {
      if (this.#gone === before) this.#leaveBehind();
    });
    await this.#room.promise;
    cancel();
  }

  #leaveBehind(): void {
    if (this.#readers.size === 0) {
      this.#options.onAbandoned();
      return;
    }
    const slowest = Math.min(...[...this.#readers].map(({ next }) => next));
    for (const reader of [...this.#readers]) {
      if (reader.next > slowest) continue;
      reader.isLost = true;
      this.#readers.delete(reader);
    }
    this.#notify();
    if (this.#readers.size === 0) this.#options.onAbandoned();
    else this.#drop();
    this.#room.resolve();
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}
