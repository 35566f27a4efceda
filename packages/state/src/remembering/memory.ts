import type { StreamDefinition, StreamRecord, StreamRuntime } from '../records.ts';
import { shownStream } from '../shown-stream.ts';

/** What is remembered of one stream. */
interface Remembered {
  definition?: StreamDefinition;
  record?: StreamRecord;
  /** Monotonic, ms. */
  usedAt: number;
}

/** What a stream is that nobody is known to play. */
const IDLE: StreamRuntime = {
  state: 'idle',
  owner: '',
  epoch: 0,
  host: '',
  viewers: 0,
  failoverIndex: 0,
  failoverAttempts: 0,
  lastAccessMs: 0,
};

/** Definitions and last known owners of the streams that a node used most recently, `most` of them at most. */
export class Memory {
  readonly #most: number;
  readonly #now: () => number;
  /** The least recently used first. */
  readonly #streams = new Map<string, Remembered>();

  /** `now`: monotonic, ms. */
  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  get size(): number {
    return this.#streams.size;
  }

  definition(streamId: string): StreamDefinition | undefined {
    return this.#streams.get(streamId)?.definition;
  }

  /** The last known record; of a stream of which only the definition is known, one that nobody plays. */
  record(streamId: string): StreamRecord | undefined {
    const known = this.#streams.get(streamId);
    if (known?.record) return known.record;
    if (!known?.definition) return undefined;
    return { ...IDLE, ...shownStream(known.definition), lastAccessMs: known.definition.createdAtMs };
  }

  keepDefinition(definition: StreamDefinition): void {
    this.#use(definition.id).definition = definition;
  }

  keepRecord(record: StreamRecord): void {
    this.#use(record.id).record = record;
  }

  /** Somebody else told of a stream's owner. One that is not remembered is not begun with. */
  keepOwner(streamId: string, owner: string, epoch: number): void {
    const known = this.#streams.get(streamId);
    const record = this.record(streamId);
    if (known && record && epoch >= record.epoch) known.record = { ...record, owner, epoch };
  }

  forget(streamId: string): void {
    this.#streams.delete(streamId);
  }

  /** Definitions used within the last `ms`. */
  usedWithin(ms: number): StreamDefinition[] {
    const since = this.#now() - ms;
    return [...this.#streams.values()].flatMap(({ definition, usedAt }) =>
      definition && usedAt >= since ? [definition] : [],
    );
  }

  #use(streamId: string): Remembered {
    const known = this.#streams.get(streamId) ?? { usedAt: 0 };
    known.usedAt = this.#now();
    this.#streams.delete(streamId);
    this.#streams.set(streamId, known);
    if (this.#streams.size > this.#most) {
      const [oldest] = this.#streams.keys();
      this.#streams.delete(oldest as string);
    }
    return known;
  }
}
