import type { GrowingBody } from './growing-body.ts';

export interface HlsCacheOptions {
  /** Bytes of bodies kept, of all streams together. 64 MB by default. */
  readonly budgetBytes?: number;
}

/** An answer of a provider, with a body that may still grow. */
export interface CachedResource {
  readonly status: 200 | 206;
  readonly contentType: string;
  /** That answered, after redirects. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: GrowingBody;
  /** Until when it may be given to others; monotonic ms. */
  freshUntilMs: number;
}

/** A body larger than this part of the budget is not kept. */
const MOST_OF_BUDGET = 2;

interface Kept {
  readonly resource: CachedResource;
  /** Of it, as far as counted. */
  bytes: number;
}

/** What has been fetched, bounded by bytes; what was used longest ago goes first. One for all streams of a process. */
export class HlsCache {
  readonly budgetBytes: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, Kept>();
  #heldBytes = 0;

  constructor({ budgetBytes = 64 * 1024 * 1024 }: HlsCacheOptions = {}) {
    this.budgetBytes = budgetBytes;
  }

  /** The most bytes that one body may have to be kept. */
  get mostKept(): number {
    return Math.floor(this.budgetBytes / MOST_OF_BUDGET);
  }

  get size(): number {
    return this.#kept.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Undefined where it is not there, no longer fresh, or cannot be read from its beginning. */
  get(key: string, nowMs: number): CachedResource | undefined {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    const { resource } = kept;
    const isOld = resource.freshUntilMs <= nowMs && resource.body.isOver;
    if (isOld || !resource.body.isOpenable) {
      this.#remove(key);
      return undefined;
    }
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return resource;
  }

  put(key: string, resource: CachedResource): void {
    this.#remove(key);
    this.#kept.set(key, { resource, bytes: 0 });
    this.count(key, resource);
  }

  /** Its body has grown, or gone on: others make room where that is too much. What is not complete stays: it is being read. */
  count(key: string, resource: CachedResource): void {
    const kept = this.#kept.get(key);
    if (kept?.resource !== resource) return;
    const { heldBytes } = resource.body;
    this.#heldBytes += heldBytes - kept.bytes;
    kept.bytes = heldBytes;
    for (const [other, { resource: old }] of this.#kept) {
      if (this.#heldBytes <= this.budgetBytes) return;
      if (old.body.isOver) this.#remove(other);
    }
  }

  /** Only if it is still this one. */
  delete(key: string, resource: CachedResource): void {
    if (this.#kept.get(key)?.resource === resource) this.#remove(key);
  }

  /** Of one stream. */
  clear(prefix: string): void {
    for (const key of [...this.#kept.keys()]) if (key.startsWith(prefix)) this.#remove(key);
  }

  #remove(key: string): void {
    this.#heldBytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}
