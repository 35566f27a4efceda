import type { ClusterState } from '@streampool/state';

type Metadata = Readonly<Record<string, string>>;

/** What streams are labelled with, remembered beyond their end: the last thing that is told of one is that it has stopped. */
export class MetadataMemory {
  readonly #state: Pick<ClusterState, 'getStream' | 'listStreams'>;
  readonly #most: number;
  readonly #known = new Map<string, Metadata>();

  constructor(state: Pick<ClusterState, 'getStream' | 'listStreams'>, most = 2_000) {
    this.#state = state;
    this.#most = most;
  }

  /** Of the streams that were used last: one of them may be gone when its end is told. @throws StreampoolError STATE_UNAVAILABLE */
  async learn(): Promise<void> {
    const { items } = await this.#state.listStreams({ limit: Math.min(1_000, this.#most) });
    for (const { id, metadata } of items.reverse()) this.#keep(id, metadata);
  }

  /** Of a stream that nobody remembers: undefined. @throws StreampoolError STATE_UNAVAILABLE */
  async of(streamId: string): Promise<Metadata | undefined> {
    const stream = await this.#state.getStream(streamId);
    const metadata = stream?.metadata ?? this.#known.get(streamId);
    if (!metadata) return undefined;
    this.#keep(streamId, metadata);
    return metadata;
  }

  #keep(streamId: string, metadata: Metadata): void {
    this.#known.delete(streamId);
    this.#known.set(streamId, metadata);
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#most && oldest !== undefined) this.#known.delete(oldest);
  }
}
