import type { HlsAnswer } from '@streampool/hls';
import { GrowingBody } from './growing-body.ts';

export interface EdgeCacheOptions {
  /** Bytes of bodies, of all streams of the process together. */
  readonly budgetBytes: number;
  /** Monotonic, ms. */
  readonly now: () => number;
}

interface Entry {
  readonly answer: HlsAnswer;
  readonly freshUntilMs: number;
  bytes: number;
}

/** A body larger than this part of the budget is passed on without being kept: one film must not push out all channels. */
const LARGEST_PART = 1 / 4;

/**
 * What origins have answered, by key. What was used longest ago goes first. An answer that is older than its origin wanted is
 * still there for as long as there is room: it is better than none while a stream has no owner.
 */
export class EdgeCache {
  readonly #options: EdgeCacheOptions;
  /** In the order of use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(options: EdgeCacheOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `stale`: however old it is. What has broken off is never given out. */
  get(key: string, { stale = false } = {}): HlsAnswer | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry.answer.body instanceof GrowingBody && entry.answer.body.hasFailed) {
      this.delete(key);
      return undefined;
    }
    if (!stale && entry.freshUntilMs <= this.#options.now()) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.answer;
  }

  /** Whether all of it is there, at whatever age. */
  hasWhole(key: string): boolean {
    const body = this.#entries.get(key)?.answer.body;
    return body instanceof GrowingBody ? body.isComplete : Buffer.isBuffer(body);
  }

  /** A {@link GrowingBody} is counted as it grows (see `grew`). */
  put(key: string, answer: HlsAnswer): void {
    this.#letGo(key);
    const { body, maxAgeMs } = answer;
    const bytes = Buffer.isBuffer(body) ? body.length : body instanceof GrowingBody ? body.bytes : 0;
    this.#entries.set(key, { answer, freshUntilMs: this.#options.now() + maxAgeMs, bytes });
    this.#bytes += bytes;
    this.#makeRoom();
  }

  grew(key: string, body: GrowingBody, bytes: number): void {
    const entry = this.#entries.get(key);
    if (entry?.answer.body !== body) return;
    entry.bytes += bytes;
    this.#bytes += bytes;
    if (entry.bytes > this.#options.budgetBytes * LARGEST_PART) this.#letGo(key);
    this.#makeRoom();
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }

  /** All whose key begins with this. */
  deleteAll(prefix: string): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.#letGo(key);
  }

  /** What is complete goes first: what still comes in is being read, and others who want it would ask for it once more. */
  #makeRoom(): void {
    for (const spared of [isComingIn, () => false])
      for (const [key, { answer }] of this.#entries) {
        if (this.#bytes <= this.#options.budgetBytes) return;
        if (!spared(answer)) this.#letGo(key);
      }
  }

  /** Whoever reads it reads on. Nobody counts its bytes any more, so that what still comes in must not be kept whole. */
  #letGo(key: string): void {
    const answer = this.#entries.get(key)?.answer;
    this.delete(key);
    if (answer && isComingIn(answer)) (answer.body as GrowingBody).release();
  }
}

function isComingIn({ body }: HlsAnswer): boolean {
  return body instanceof GrowingBody && !body.isComplete && !body.hasFailed;
}
