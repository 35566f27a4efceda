/**
 * Typed events whose listeners cannot break each other or the emitter: what a listener throws goes to `onError`.
 * Listeners are called in the order they were added, synchronously.
 */
export class Events<Map extends { [K in keyof Map]: unknown[] }> {
  readonly #listeners = new globalThis.Map<keyof Map, Set<(...args: never[]) => void>>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Returns the removal, which is idempotent. */
  on<K extends keyof Map>(event: K, listener: (...args: Map[K]) => void): () => void {
    let set = this.#listeners.get(event);
    if (!set) this.#listeners.set(event, (set = new Set()));
    set.add(listener as (...args: never[]) => void);
    return () => set.delete(listener as (...args: never[]) => void);
  }

  emit<K extends keyof Map>(event: K, ...args: Map[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        (listener as (...args: Map[K]) => void)(...args);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
