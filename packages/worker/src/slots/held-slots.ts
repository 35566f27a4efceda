import type { SlotHolder, SlotRecord, SlotRequest } from '@streampool/state';
import type { ConnectionHolder } from '@streampool/upstream';

/** A slot that this node has, or is about to have. */
export interface HeldSlot {
  readonly providerId: string;
  readonly lease: string;
  readonly holder: SlotHolder;
  readonly end: ConnectionHolder['end'];
  readonly sinceMs: number;
  /** `taking`: the store has not granted it yet. `settling`: its socket is closed, and the provider may not have noticed. */
  state: 'taking' | 'held' | 'settling' | 'released';
  /** Settles when its socket is closed and the store knows. */
  readonly gone: Promise<void>;
  settle(): void;
}

/** The slots of one node. */
export class HeldSlots {
  readonly #node: string;
  readonly #life: string;
  readonly #now: () => number;
  readonly #slots = new Map<string, HeldSlot>();
  #lastNumber = 0;

  /** `now`: wall clock, ms. */
  constructor(node: string, life: string, now: () => number) {
    this.#node = node;
    this.#life = life;
    this.#now = now;
  }

  add(providerId: string, who: ConnectionHolder | undefined): HeldSlot {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slot: HeldSlot = {
      providerId,
      lease: `${this.#node}/${this.#life}/${++this.#lastNumber}`,
      holder: {
        node: this.#node,
        life: this.#life,
        streamId: who?.streamId ?? '',
        priority: who?.priority ?? 0,
        ...(who?.viewer && { viewer: who.viewer }),
      },
      end: who?.end,
      sinceMs: Math.round(this.#now()),
      state: 'taking',
      gone: promise,
      settle: resolve,
    };
    this.#slots.set(slot.lease, slot);
    return slot;
  }

  get(lease: string): HeldSlot | undefined {
    return this.#slots.get(lease);
  }

  remove(slot: HeldSlot): void {
    this.#slots.delete(slot.lease);
  }

  get leases(): string[] {
    return [...this.#slots.keys()];
  }

  /** Those that have been granted and not been given back. */
  held(providerId?: string): HeldSlot[] {
    return [...this.#slots.values()].filter(
      (slot) =>
        (slot.state === 'held' || slot.state === 'settling') &&
        (providerId === undefined || slot.providerId === providerId),
    );
  }
}

export function requestOf({ providerId, lease, holder }: HeldSlot): SlotRequest {
  return { providerId, lease, holder };
}

export function recordOf({ lease, holder, sinceMs }: HeldSlot): SlotRecord {
  return { ...holder, lease, sinceMs };
}
