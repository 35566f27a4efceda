/**
 * Turns times of this host into times of the store, as records hold them. Learned from every reply: the store's time
 * then was the host's in the middle of the round trip. Hosts' clocks may be hours apart; nothing compares them.
 */
export class StoreTime {
  #offsetMs = 0;

  learn(storeMs: number, wallBeforeMs: number, wallAfterMs: number): void {
    this.#offsetMs = storeMs - (wallBeforeMs + wallAfterMs) / 2;
  }

  /** A time of this host's wall clock by the store's clock, whole ms. */
  from(wallMs: number): number {
    return Math.round(wallMs + this.#offsetMs);
  }
}
