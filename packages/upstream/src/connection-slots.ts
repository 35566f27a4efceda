/** Somebody who watches, as far as it says whether two viewers are the same person's player. */
export interface ConnectionViewer {
  readonly clientId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
}

/** What a provider's connection is for. */
export interface ConnectionHolder {
  readonly streamId: string;
  /** The provider whose limit counts; by default the one that has the URL's host. */
  readonly providerId?: string;
  /** Where a provider allows preemption, a higher one takes the place of a lower one; 0 by default. */
  readonly priority?: number;
  /** Whose own connection it is; absent where all viewers of the stream share it. */
  readonly viewer?: ConnectionViewer;
  /** Another connection of the stream plays on: there is a slot for this one at once, or none. */
  readonly beside?: boolean;
  /** Ends what the connection is for, and so the connection: its slot goes to somebody else. */
  end?(reason: string): void;
}

/** A connection that counts. */
export interface Slot {
  /** The socket is really closed. Idempotent. */
  release(): void;
}

/** Who counts the connections of providers that allow only so many. */
export interface ConnectionSlots {
  /**
   * A slot for a connection to this URL; undefined, at once, where there is no limit. `patienceMs`: the longest that whoever
   * asks can wait for it.
   * @throws StreampoolError PROVIDER_LIMIT; the signal's reason when that aborts
   */
  acquire(
    target: { readonly url: string; readonly holder?: ConnectionHolder },
    options?: { readonly signal?: AbortSignal | undefined; readonly patienceMs?: number },
  ): Promise<Slot | undefined> | undefined;
}
