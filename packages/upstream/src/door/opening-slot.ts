import type { Slot } from '../connection-slots.ts';
import type { UpstreamClient, UpstreamTarget } from '../types.ts';

/**
 * The one slot of an opening: whoever reads it asks for many things one after the other (ranges of a file, segments of a
 * playlist), and to the provider is one customer all the while. It is taken with the first request and given back when the
 * opening is closed.
 */
export class OpeningSlot {
  readonly #client: Pick<UpstreamClient, 'reserve'>;
  readonly #target: UpstreamTarget;
  readonly #abort = new AbortController();
  #taking: Promise<Slot | undefined> | undefined;

  constructor(client: Pick<UpstreamClient, 'reserve'>, target: UpstreamTarget) {
    this.#client = client;
    this.#target = target;
  }

  /** Undefined where there is no limit. @throws StreampoolError PROVIDER_LIMIT; then the next request tries again */
  async take(): Promise<Slot | undefined> {
    this.#taking ??= this.#client.reserve?.(this.#target, this.#abort.signal);
    const taking = this.#taking;
    const slot = await taking?.catch((error: unknown) => {
      if (this.#taking === taking) this.#taking = undefined;
      throw error;
    });
    if (!slot && this.#taking === taking) this.#taking = undefined;
    return slot;
  }

  /** No connection of the opening is open any more, and none will be. Never rejects. */
  async release(): Promise<void> {
    this.#abort.abort();
    const slot = await this.#taking?.catch(() => undefined);
    slot?.release();
  }
}
