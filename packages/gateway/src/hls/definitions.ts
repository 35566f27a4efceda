import type { ClusterState, StreamDefinition } from '@streampool/state';

/** How long what was read of a stream is good enough for the next request: a player asks several times a second; ms. */
const VALID_MS = 1_000;
const MOST = 10_000;

interface Read {
  readonly atMs: number;
  readonly value: Promise<StreamDefinition | undefined>;
  /** As soon as it is there. */
  definition?: StreamDefinition | undefined;
}

/** Definitions of streams that are asked for right now. */
export class Definitions {
  readonly #state: Pick<ClusterState, 'getDefinition'>;
  readonly #now: () => number;
  readonly #read = new Map<string, Read>();

  constructor(state: Pick<ClusterState, 'getDefinition'>, now: () => number = () => performance.now()) {
    this.#state = state;
    this.#now = now;
  }

  /** @throws StreampoolError STATE_UNAVAILABLE */
  get(streamId: string): Promise<StreamDefinition | undefined> {
    const known = this.#read.get(streamId);
    const now = this.#now();
    if (known && now - known.atMs < VALID_MS) return known.value;
    const value = this.#state.getDefinition(streamId);
    const read: Read = { atMs: now, value };
    this.#read.delete(streamId);
    this.#read.set(streamId, read);
    const [oldest] = this.#read.keys();
    if (this.#read.size > MOST && oldest !== undefined) this.#read.delete(oldest);
    value.then(
      (definition) => {
        read.definition = definition;
        if (!definition && this.#read.get(streamId) === read) this.#read.delete(streamId);
      },
      () => {
        if (this.#read.get(streamId) === read) this.#read.delete(streamId);
      },
    );
    return value;
  }

  /** What was read a moment ago; undefined: {@link Definitions.get} has to be waited for. */
  known(streamId: string): StreamDefinition | undefined {
    const known = this.#read.get(streamId);
    return known && this.#now() - known.atMs < VALID_MS ? known.definition : undefined;
  }

  /** It has been stopped, and perhaps removed. */
  forget(streamId: string): void {
    this.#read.delete(streamId);
  }
}
