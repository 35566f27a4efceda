import type { HlsBody } from '@streampool/hls';

/** Bytes beyond its slowest reader at which a body that is not kept waits for that reader. */
const HIGH_WATER_BYTES = 2 * 1024 * 1024;

export interface GrowingBodyOptions {
  /** Bytes, where that is known. */
  readonly length?: number | undefined;
  /** Called with every byte count that has come. */
  readonly onGrow?: (bytes: number) => void;
  /** Nobody reads any more what is not kept, and nobody can: its source may go. */
  readonly onAbandoned?: () => void;
}

interface Reading {
  /** Index of its next chunk, counted from the body's first one. */
  next: number;
}

/**
 * A body that many read while it comes in. It is kept whole for whoever comes later, until `release`: from then on nobody can begin
 * to read it, what all readers have is dropped, and whoever writes it waits for the slowest.
 */
export class GrowingBody implements HlsBody {
  readonly #options: GrowingBodyOptions;
  readonly #chunks: Buffer[] = [];
  readonly #readings = new Set<Reading>();
  #dropped = 0;
  #received = 0;
  #held = 0;
  #ended = false;
  #error: Error | undefined;
  #isKept = true;
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #room: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(options: GrowingBodyOptions = {}) {
    this.#options = options;
  }

  get length(): number | undefined {
    return this.#ended ? this.#received : this.#options.length;
  }

  /** Received so far. */
  get bytes(): number {
    return this.#received;
  }

  get isComplete(): boolean {
    return this.#ended;
  }

  get hasFailed(): boolean {
    return this.#error !== undefined;
  }

  /** All of it, once it is complete and as long as it is kept. */
  whole(): Buffer | undefined {
    if (!this.#ended || !this.#isKept) return undefined;
    const [only] = this.#chunks;
    if (only && this.#chunks.length === 1) return only;
    const whole = Buffer.concat(this.#chunks);
    // Not under the feet of whoever reads it chunk by chunk.
    if (this.#readings.size === 0) this.#chunks.splice(0, this.#chunks.length, whole);
    return whole;
  }

  /** Resolves when there is room for more. The chunk must not change afterwards. */
  async push(chunk: Buffer): Promise<void> {
    if (this.#ended || this.#error || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    this.#held += chunk.length;
    this.#notify();
    this.#options.onGrow?.(chunk.length);
    while (!this.#isKept && this.#held > HIGH_WATER_BYTES && this.#readings.size > 0 && !this.#error) {
      this.#room = Promise.withResolvers();
      await this.#room.promise;
    }
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** It breaks off here for everybody. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.#notify();
    this.#room.resolve();
  }

  release(): void {
    this.#isKept = false;
    this.#trim();
  }

  async *open(): AsyncGenerator<Buffer, void, undefined> {
    if (!this.#isKept && this.#dropped > 0)
      throw new Error('the beginning of this body is not kept any more');
    const reading: Reading = { next: 0 };
    this.#readings.add(reading);
    try {
      for (;;) {
        const chunk = this.#chunks[reading.next - this.#dropped];
        if (chunk) {
          reading.next += 1;
          yield chunk;
          this.#trim();
        } else if (this.#error) throw this.#error;
        else if (this.#ended) return;
        else await this.#wake.promise;
      }
    } finally {
      this.#readings.delete(reading);
      this.#trim();
    }
  }

  #notify(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers();
    resolve();
  }

  #trim(): void {
    if (this.#isKept) return;
    if (this.#readings.size === 0 && !this.#ended) this.#options.onAbandoned?.();
    const least = Math.min(
      ...[...this.#readings].map(({ next }) => next),
      this.#dropped + this.#chunks.length,
    );
    for (const chunk of this.#chunks.splice(0, least - this.#dropped)) this.#held -= chunk.length;
    this.#dropped = least;
    if (this.#held <= HIGH_WATER_BYTES) this.#room.resolve();
  }
}
