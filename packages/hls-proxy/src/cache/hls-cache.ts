export interface HlsCacheOptions {
  /** Bytes of bodies kept, of all streams together. 64 MB by default. */
  readonly budgetBytes?: number;
}

/** What has been fetched, bounded by bytes; what was used longest ago goes first. One for all streams of a process. */
export class HlsCache {
  readonly budgetBytes: number;

  constructor({ budgetBytes = 64 * 1024 * 1024 }: HlsCacheOptions = {}) {
    this.budgetBytes = budgetBytes;
  }
}
