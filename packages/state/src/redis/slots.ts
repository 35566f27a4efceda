import type { ProviderRecord, SlotHolder, SlotRecord, SlotRequest } from '../providers.ts';

/** How the scripts tell of a slot. */
export type SlotRow = readonly [lease: string, holder: string, promisedTo: string];

export function toSlot([lease, holder, promisedTo]: SlotRow): SlotRecord {
  return {
    lease,
    ...(JSON.parse(holder) as SlotHolder & { sinceMs: number }),
    ...(promisedTo && { promisedTo }),
  };
}

export function inOrder(slots: readonly SlotRecord[]): SlotRecord[] {
  return [...slots].sort((a, b) => a.sinceMs - b.sinceMs || (a.lease < b.lease ? -1 : 1));
}

export function toProviders(json: readonly string[]): ProviderRecord[] {
  return json.map((one) => JSON.parse(one) as ProviderRecord).sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function slotArguments({ providerId, lease, holder }: SlotRequest): [string, string, SlotHolder] {
  return [providerId, lease, holder];
}
