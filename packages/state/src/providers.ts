/** Providers whose connections are counted, and the slots that are taken of them. */

export interface ProviderRecord {
  /** Letters, digits and `. _ -`. */
  readonly id: string;
  /** Whose URLs are this provider's: `tv.example.org`, `tv.example.org:8080` for one port only, `*.example.org` for all below it. */
  readonly hosts: readonly string[];
  /** Connections it allows at once. 0: none. */
  readonly maxConnections: number;
  /** At the limit a stream of a higher priority ends one of the lowest. */
  readonly preempt: boolean;
  /** How long it takes to notice that a connection has been closed: the slot is free after that; ms, 0 by default. */
  readonly settleMs?: number;
  /** What a setting says gives way to what somebody said through the API. */
  readonly origin: 'settings' | 'api';
}

/** Who watches, as far as it says whether two viewers are the same person's player. */
export interface SlotViewer {
  readonly clientId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly username?: string;
}

/** What a slot is for. Free of credentials: operators see it. */
export interface SlotHolder {
  /** The node that has the connection. */
  readonly node: string;
  /** Names this life of the node's process: slots of a former one are nobody's. */
  readonly life: string;
  /** Empty for a connection of no stream (a test of a URL). */
  readonly streamId: string;
  /** A higher one may take the place of a lower one. */
  readonly priority: number;
  /** Whose own connection it is; absent where all viewers of the stream share it. */
  readonly viewer?: SlotViewer;
}

/** A slot that is taken. */
export interface SlotRecord extends SlotHolder {
  /** Names the slot; chosen by its holder. */
  readonly lease: string;
  readonly sinceMs: number;
  /** The lease that it goes to when it is given back. */
  readonly promisedTo?: string;
}

export interface SlotRequest {
  readonly providerId: string;
  readonly lease: string;
  readonly holder: SlotHolder;
}

export type SlotAnswer =
  | { readonly granted: true }
  /** All slots are taken, and by whom. */
  | { readonly granted: false; readonly provider: ProviderRecord; readonly slots: readonly SlotRecord[] };

export interface SlotPromise {
  readonly providerId: string;
  /** The slot that will be given back. */
  readonly lease: string;
  /** Who gets it then. */
  readonly heir: { readonly lease: string; readonly holder: SlotHolder };
  /** After this the promise, and a slot that nobody came for, are void; ms. */
  readonly forMs: number;
}

/** What a node says of all its slots at once. */
export interface SlotBeat {
  readonly node: string;
  readonly life: string;
  /** Connections that are open (or being opened). One that the store does not know is taken up, whatever the limit: it is there. */
  readonly held: readonly SlotRequest[];
  /** The first beat of this life: what former ones held is given back. */
  readonly isFirst?: boolean;
  /** Whose giving back the store may not have heard of. */
  readonly released: readonly { readonly providerId: string; readonly lease: string }[];
}

export interface SlotBeatReply {
  readonly providers: readonly ProviderRecord[];
  /** Names this life of the store's data, as replies to beats do. */
  readonly generation: string;
}

/**
 * Slots are leases: what its holder does not renew is free again when a node's lease has passed, by the store's clock (which
 * stands still while nobody is heard). There is no counter that could drift.
 */
export interface ProviderState {
  /** False if it was not kept: a setting does not replace what came through the API; with `onlyIfAbsent`, there is one. */
  putProvider(provider: ProviderRecord, options?: { readonly onlyIfAbsent?: boolean }): Promise<boolean>;
  /** By id. */
  listProviders(): Promise<ProviderRecord[]>;
  /** With its slots; connections go on uncounted. False if it did not exist. */
  removeProvider(providerId: string): Promise<boolean>;

  /**
   * One step: what has expired goes, then the slot is taken if there is one. Granted again to a lease that has it, and for a
   * provider that is not known.
   */
  takeSlot(request: SlotRequest): Promise<SlotAnswer>;
  /**
   * When `lease` is given back it goes to its heir at once, so that nobody comes between. False if it is promised to another, or
   * is not taken.
   */
  promiseSlot(promise: SlotPromise): Promise<boolean>;
  /** Idempotent; a promise to what is given back is void. */
  releaseSlots(slots: readonly { readonly providerId: string; readonly lease: string }[]): Promise<void>;
  /** Renews all slots of a node. */
  beatSlots(beat: SlotBeat): Promise<SlotBeatReply>;
  /** Oldest first. */
  listSlots(providerId: string): Promise<SlotRecord[]>;
}
