import type { CacheOutcome, HlsProxyStatistics, HlsResourceKind } from './options.ts';

/** Counts what one stream was asked, and what it asked. */
export class Statistics {
  readonly #requests = new Map<HlsResourceKind, Record<CacheOutcome, number>>();
  bytesIn = 0;
  bytesOut = 0;
  fetches = 0;
  failedFetches = 0;
  prefetches = 0;

  count(kind: HlsResourceKind, outcome: CacheOutcome): void {
    this.#of(kind)[outcome] += 1;
  }

  snapshot(): HlsProxyStatistics {
    const { bytesIn, bytesOut, fetches, failedFetches, prefetches } = this;
    return {
      requests: {
        playlist: { ...this.#of('playlist') },
        media: { ...this.#of('media') },
        key: { ...this.#of('key') },
        data: { ...this.#of('data') },
      },
      ...{ bytesIn, bytesOut, fetches, failedFetches, prefetches },
    };
  }

  #of(kind: HlsResourceKind): Record<CacheOutcome, number> {
    const counts = this.#requests.get(kind) ?? { hit: 0, shared: 0, miss: 0 };
    this.#requests.set(kind, counts);
    return counts;
  }
}
