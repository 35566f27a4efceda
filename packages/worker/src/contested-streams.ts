export interface ContestedStreamsOptions {
  /** Monotonic, ms. */
  readonly now: () => number;
  /** How long a stream stays contested; longer than the pauses between attempts to follow. Default 30 s. */
  readonly holdMs?: number;
}

/**
 * Streams that were taken from this worker although it lived and the store heard it: somebody could not reach it, so it
 * may well not reach them. Such a stream is not taken back by force, or two workers that are cut off from each other
 * would depose one another for as long as that lasts, each with a new provider connection and a gap. While they cannot
 * reach the new owner they play it for their own viewers, and follow as soon as they can.
 */
export class ContestedStreams {
  readonly #options: ContestedStreamsOptions;
  readonly #notedAt = new Map<string, number>();

  constructor(options: ContestedStreamsOptions) {
    this.#options = options;
  }

  /** It was taken from us, or its owner still cannot be reached. */
  note(streamId: string): void {
    this.#forgetOld();
    this.#notedAt.set(streamId, this.#options.now());
  }

  has(streamId: string): boolean {
    this.#forgetOld();
    return this.#notedAt.has(streamId);
  }

  #forgetOld(): void {
    const { now, holdMs = 30_000 } = this.#options;
    for (const [streamId, at] of this.#notedAt) if (now() - at >= holdMs) this.#notedAt.delete(streamId);
  }
}
