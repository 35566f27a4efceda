import type { StatementSync } from 'node:sqlite';
import { countedGapMs } from '../limits.ts';
import type { Connection } from './connection.ts';

/**
 * The clock that expiry goes by: the store's own, but it stands still while nobody at all is heard. A laptop that slept, or
 * a `serve` that was not running, was nobody's death. Of a gap between two beats {@link countedGapMs} counts; the rest is
 * taken off for good.
 */
export class Listening {
  readonly #gapMs: number;
  readonly #read: StatementSync;
  readonly #write: StatementSync;

  constructor(connection: Connection, leaseMs: number) {
    this.#gapMs = countedGapMs(leaseMs);
    this.#read = connection.prepare(`
      SELECT (SELECT value FROM meta WHERE key = 'last_beat_ms') AS lastBeatMs,
             (SELECT value FROM meta WHERE key = 'unheard_ms') AS unheardMs`);
    this.#write = connection.prepare(`
      INSERT INTO meta VALUES ('last_beat_ms', $now), ('unheard_ms', $unheardMs)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`);
  }

  /** The time by that clock, in ms, when the store's is `now`. */
  at(now: number): number {
    const { lastBeatMs, unheardMs } = this.#read.get() as {
      lastBeatMs: number | null;
      unheardMs: number | null;
    };
    const gapMs = lastBeatMs === null ? 0 : now - lastBeatMs;
    return now - (unheardMs ?? 0) - Math.max(0, gapMs - this.#gapMs);
  }

  /** A beat has arrived. Within a transaction. Returns the time by that clock. */
  hear(now: number): number {
    const heard = this.at(now);
    this.#write.run({ now, unheardMs: now - heard });
    return heard;
  }
}
