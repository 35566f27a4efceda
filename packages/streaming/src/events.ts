/**
 * Typed events whose listeners cannot break each other or the emitter: what a listener throws goes to `onError`.
 * Listeners are called in the order they were added, synchronously.
 */
export class Events<Map extends { [K in keyof Map]: unknown[] }> {
  readonly #listeners: { [K in keyof Map]?: Set<(...args: Map[K]) => void> } = {};
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Returns the removal, which is idempotent. */
  on<K extends keyof Map>(event: K, listener: (...args: Map[K]) => void): () => void {
    const listeners = this.#listeners[event] ?? new Set();
    this.#listeners[event] = listeners;
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  emit<K extends keyof Map>(event: K, ...args: Map[K]): void {
    for (const listener of this.#listeners[event] ?? []) {
      try {
        listener(...args);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
