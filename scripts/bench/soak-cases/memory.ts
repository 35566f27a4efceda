import { processInfo } from '@streampool/testkit';

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** What the memory of one process did in the second half of its time. */
export interface MemoryTrend {
  readonly name: string;
  readonly firstMb: number;
  readonly lastMb: number;
  readonly highestMb: number;
  readonly mbPerMinute: number;
  readonly flat: boolean;
}

/** Growth per minute that is no growth: garbage is collected when it pleases. */
const FLAT_MB_PER_MINUTE = 2;
/** Of fewer samples (three minutes) nothing can be said. */
const FEWEST = 36;

/** RSS of processes over time, by process: one that was started again is another one. */
export class Memory {
  readonly #samples = new Map<string, Sample[]>();

  sample(nodes: readonly { readonly name: string; readonly pid: number }[]): void {
    for (const { name, pid } of nodes) {
      const bytes = processInfo(pid)?.rssBytes;
      if (!bytes) continue;
      const key = `${name} (${pid})`;
      const samples = this.#samples.get(key) ?? [];
      this.#samples.set(key, samples);
      samples.push({ atMs: performance.now(), bytes });
    }
  }

  trends(): MemoryTrend[] {
    return [...this.#samples].flatMap(([name, samples]) => {
      const half = samples.slice(samples.length >> 1);
      if (half.length < FEWEST) return [];
      const mbPerMinute = (slope(half) * 60_000) / 1e6;
      return {
        name,
        firstMb: half[0]!.bytes / 1e6,
        lastMb: half.at(-1)!.bytes / 1e6,
        highestMb: Math.max(...samples.map(({ bytes }) => bytes)) / 1e6,
        mbPerMinute,
        flat: mbPerMinute <= FLAT_MB_PER_MINUTE,
      };
    });
  }
}

/** Of the line that fits best (least squares), in bytes per ms. */
function slope(samples: readonly Sample[]): number {
  const count = samples.length;
  const meanAt = samples.reduce((sum, { atMs }) => sum + atMs, 0) / count;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / count;
  const above = samples.reduce((sum, { atMs, bytes }) => sum + (atMs - meanAt) * (bytes - meanBytes), 0);
  const below = samples.reduce((sum, { atMs }) => sum + (atMs - meanAt) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
