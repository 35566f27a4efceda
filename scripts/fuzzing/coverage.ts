import { Session } from 'node:inspector';

interface Taken {
  readonly result: readonly {
    readonly url: string;
    readonly scriptId: string;
    readonly functions: readonly {
      readonly ranges: readonly {
        readonly startOffset: number;
        readonly endOffset: number;
        readonly count: number;
      }[];
    }[];
  }[];
}

/** Which blocks of our packages have run, as V8 counts them (Profiler domain of the inspector protocol). */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Blocks that ran for the first time, or by an order of magnitude more often than ever, since the last call. */
  fresh(): ReadonlySet<string> {
    const fresh = new Set<string>();
    for (const key of this.#hit()) if (!this.#seen.has(key)) fresh.add(key);
    for (const key of fresh) this.#seen.add(key);
    return fresh;
  }

  /** Whether one of these ran since the last call; such are taken out. */
  take(keys: Set<string>): boolean {
    const before = keys.size;
    for (const key of this.#hit()) keys.delete(key);
    return keys.size < before;
  }

  #hit(): string[] {
    const hit: string[] = [];
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error) throw error;
      for (const { url, scriptId, functions } of (taken as Taken).result) {
        if (!url.includes('/packages/')) continue;
        for (const { ranges } of functions)
          for (const { startOffset, endOffset, count } of ranges)
            if (count > 0)
              hit.push(`${scriptId}:${startOffset}:${endOffset}:${Math.floor(Math.log2(count) / 2)}`);
      }
    });
    return hit;
  }
}
