import type { GrowingBody } from './growing-body.ts';

export interface HlsCacheOptions {
  /** Bytes of bodies kept, of all streams together. 64 MB by default. */
  readonly budgetBytes?: number;
}

/** An answer of a provider, with a body that may still grow. */
export interface CachedResource {
  readonly status: 200 | 206;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: GrowingBody;
  /** Until when it may be given to others; monotonic ms. */
  freshUntilMs: number;
}

/** A body larger than this part of the budget is not kept. */
const MOST_OF_BUDGET = 4;

/** What has been fetched, bounded by bytes; what was used longest ago goes first. One for all streams of a process. */
export class HlsCache {
  readonly budgetBytes: number;
  /** In the order of their last use. */
  readonly #resources = new Map<string, CachedResource>();

  constructor({ budgetBytes = 64 * 1024 * 1024 }: HlsCacheOptions = {}) {
    this.budgetBytes = budgetBytes;
  }

  /** The most bytes that one body may have to be kept. */
  get mostKept(): number {
    return Math.floor(this.budgetBytes / MOST_OF_BUDGET);
  }

  get size(): number {
    return this.#resources.size;
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const { body } of this.#resources.values()) bytes += body.heldBytes;
    return bytes;
  }

  /** Undefined where it is not there, no longer fresh, or cannot be read from its beginning. */
  get(key: string, nowMs: number): CachedResource | undefined {
    const resource = this.#resources.get(key);
    if (!resource) return undefined;
    const isOld = resource.freshUntilMs <= nowMs && resource.body.isOver;
    if (isOld || !resource.body.isOpenable) {
      this.#resources.delete(key);
      return undefined;
    }
    this.#resources.delete(key);
    this.#resources.set(key, resource);
    return resource;
  }

  put(key: string, resource: CachedResource): void {
    this.#resources.delete(key);
    this.#resources.set(key, resource);
  }

  /** Only if it is still this one. */
  delete(key: string, resource: CachedResource): void {
    if (this.#resources.get(key) === resource) this.#resources.delete(key);
  }

  /** Makes room where bodies have grown beyond the budget. What is not complete stays: it is being read. */
  trim(): void {
    let held = this.heldBytes;
    for (const [key, { body }] of this.#resources) {
      if (held <= this.budgetBytes) return;
      if (!body.isOver) continue;
      held -= body.heldBytes;
      this.#resources.delete(key);
    }
  }

  /** Of one stream. */
  clear(prefix: string): void {
    for (const key of this.#resources.keys()) if (key.startsWith(prefix)) this.#resources.delete(key);
  }
}
