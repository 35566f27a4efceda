import type { StreamDefinition } from '../records.ts';

/** Definitions that are put at once; the next ones follow when the store has taken them. */
const AT_ONCE = 20;

/**
 * Gives definitions back to a store that lost its memory, a few at a time. All nodes do so at the same moment, each in an
 * order of its own, so that most of what one has left to do has been done by another.
 */
export class GiveBack {
  readonly #put: (definition: StreamDefinition) => Promise<void>;
  readonly #due = new Map<string, StreamDefinition>();
  #running = false;
  #closed = false;

  constructor(put: (definition: StreamDefinition) => Promise<void>) {
    this.#put = put;
  }

  /** True from the moment the store forgot a stream until it has taken it back. */
  isDue(streamId: string): boolean {
    return this.#due.has(streamId);
  }

  begin(definitions: readonly StreamDefinition[]): void {
    this.#due.clear();
    for (const definition of shuffled(definitions)) this.#due.set(definition.id, definition);
    this.goOn();
  }

  /** Goes on where the store went away. */
  goOn(): void {
    if (!this.#running && !this.#closed && this.#due.size > 0) void this.#run();
  }

  close(): void {
    this.#closed = true;
    this.#due.clear();
  }

  /** Stops at the first batch that fails: the store is away again, and the next beat that it hears goes on. */
  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#due.size > 0) {
        const some = [...this.#due.values()].slice(0, AT_ONCE);
        await Promise.all(some.map((definition) => this.#put(definition)));
        for (const { id } of some) this.#due.delete(id);
      }
    } catch {
      // Said by whoever beats; here nothing is lost.
    } finally {
      this.#running = false;
    }
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, draw: Math.random() }))
    .sort((a, b) => a.draw - b.draw)
    .map(({ item }) => item);
}
