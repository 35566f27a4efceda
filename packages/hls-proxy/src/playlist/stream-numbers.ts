/** How the numbers of one stretch of a provider's playlists become ours: those of the provider plus these. */
export interface Offsets {
  readonly sequence: number;
  readonly discontinuity: number;
}

/**
 * What the stream's playlists have in common: segments of all its variants that belong together have the same numbers
 * (RFC 8216 §6.2.4). The first playlist that comes to a new stretch (another source, or a provider that began anew)
 * says how its numbers go on, and the others follow.
 */
export class StreamNumbers {
  readonly #offsets = new Map<string, Offsets>();
  readonly #restarts = new Map<number, number>();

  of(stretch: string): Offsets | undefined {
    return this.#offsets.get(stretch);
  }

  set(stretch: string, offsets: Offsets): void {
    if (!this.#offsets.has(stretch)) this.#offsets.set(stretch, offsets);
  }

  /** How often the provider began anew, as far as any playlist has noticed. */
  restartsOf(era: number): number {
    return this.#restarts.get(era) ?? 0;
  }

  noteRestart(era: number, count: number): void {
    this.#restarts.set(era, Math.max(count, this.restartsOf(era)));
  }
}
