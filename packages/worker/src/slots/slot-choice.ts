import type { SlotHolder, SlotRecord, SlotViewer } from '@streampool/state';
import { isSamePlayer } from './same-player.ts';

/** What one node says when it is asked who uses its slots. */
export interface NodeSight {
  readonly node: string;
  /** Slots that it has, or is about to have. */
  readonly leases: readonly string[];
  /** By stream, for those that run there: who watches or waits. */
  readonly audiences: Readonly<Record<string, readonly (SlotViewer & { readonly waiting: boolean })[]>>;
}

/** All that was seen of the slots of a provider that has none left. */
export interface Sight {
  readonly slots: readonly SlotRecord[];
  readonly nodes: readonly NodeSight[];
  /** Nodes at whose address nobody listens any more. */
  readonly gone: ReadonlySet<string>;
  /** Somebody did not answer: who watches what is not fully known. */
  readonly isPartial: boolean;
}

export interface Wish {
  readonly lease: string;
  readonly holder: SlotHolder;
  /** The provider allows it. */
  readonly preempt: boolean;
}

/**
 * - `lost`: its node has died, or does not know of it.
 * - `idle`: nobody watches the stream any more, which runs on for a while.
 * - `zap`: only the viewer that now asks for another stream watches it.
 * - `preempt`: it has a lower priority.
 */
export type Way = 'lost' | 'idle' | 'zap' | 'preempt';

export interface Choice {
  readonly slot: SlotRecord;
  readonly way: Way;
}

const ORDER: readonly Way[] = ['lost', 'idle', 'zap', 'preempt'];

/** Whose slot goes to somebody who waits for one: what costs viewers least, and of equals the oldest (of preempted ones the youngest). */
export function chooseSlot(wish: Wish, sight: Sight): Choice | undefined {
  const audienceOf = (streamId: string) => sight.nodes.flatMap(({ audiences }) => audiences[streamId] ?? []);
  const { holder } = wish;
  const asking = holder.viewer
    ? [holder.viewer]
    : audienceOf(holder.streamId).filter(({ waiting }) => waiting);
  const isWanted =
    holder.viewer !== undefined ||
    holder.streamId === '' ||
    sight.isPartial ||
    audienceOf(holder.streamId).length > 0;
  const nodes = new Map(sight.nodes.map((node) => [node.node, new Set(node.leases)]));

  const wayOf = (slot: SlotRecord): Way | undefined => {
    if (slot.promisedTo !== undefined && slot.promisedTo !== wish.lease) return undefined;
    if (sight.gone.has(slot.node) || nodes.get(slot.node)?.has(slot.lease) === false) return 'lost';
    // Who watches is not known, or nobody waits for what is asked for here: others are left alone.
    if (!nodes.has(slot.node) || !isWanted) return undefined;
    const isOwn = slot.streamId === holder.streamId && slot.viewer === undefined;
    if (slot.streamId !== '' && !isOwn && !sight.isPartial) {
      const audience = slot.viewer ? [slot.viewer] : audienceOf(slot.streamId);
      if (audience.length === 0) return 'idle';
      if (audience.every((viewer) => asking.some((one) => isSamePlayer(one, viewer)))) return 'zap';
    }
    return wish.preempt && slot.priority < holder.priority ? 'preempt' : undefined;
  };

  const choices = sight.slots.flatMap((slot) => {
    const way = wayOf(slot);
    return way ? [{ slot, way }] : [];
  });
  return choices.sort(byCost)[0];
}

function byCost(a: Choice, b: Choice): number {
  const ways = ORDER.indexOf(a.way) - ORDER.indexOf(b.way);
  if (ways !== 0) return ways;
  const age = a.slot.sinceMs - b.slot.sinceMs;
  return a.way === 'preempt' ? a.slot.priority - b.slot.priority || -age : age;
}
