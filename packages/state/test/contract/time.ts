import type { Store } from './cluster-state.contract.ts';
import { beat } from './records.ts';

/** Lets that much of the store's time pass while one more node of the cluster goes on beating. */
export async function pass({ state, advance, leaseMs }: Store, ms: number): Promise<void> {
  const step = leaseMs / 8;
  for (let left = ms; left > 0; left -= step) {
    await advance(Math.min(step, left));
    await state.heartbeat(beat('bystander'));
  }
}
