import type { ClusterState } from '@streampool/state';

type Metadata = Readonly<Record<string, string>>;

/** What streams are labelled with, remembered beyond their end: the last thing that is told of one is that it has stopped. */
export class MetadataMemory {
  readonly #state: Pick<ClusterState, 'getStream'>;
  readonly #most: number;
  readonly #known = new Map<string, Metadata>();

  constructor(state: Pick<ClusterState, 'getStream'>, most = 1_000) {
    this.#state = state;
    this.#most = most;
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
