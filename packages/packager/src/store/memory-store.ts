import type { SegmentStore } from './segment-store.ts';

export class MemoryStore implements SegmentStore {
  readonly #segments = new Map<string, Buffer>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  async put(key: string, bytes: Buffer): Promise<void> {
    this.keep(key, bytes);
  }

  /** The same at once. */
  keep(key: string, bytes: Buffer): void {
    this.remove(key);
    this.#segments.set(key, bytes);
    this.#bytes += bytes.length;
  }

  get(key: string): Buffer | undefined {
    return this.#segments.get(key);
  }

  remove(key: string): void {
    const bytes = this.#segments.get(key);
    if (!bytes) return;
    this.#segments.delete(key);
    this.#bytes -= bytes.length;
  }

  async close(): Promise<void> {
    this.#segments.clear();
    this.#bytes = 0;
  }
}
