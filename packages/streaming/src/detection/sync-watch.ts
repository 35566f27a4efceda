import { StreampoolError } from '@streampool/errors';
import type { PacketAligner } from '@streampool/mpegts';
import type { DetectionSettings } from './detection-settings.ts';

export type SyncSettings = Pick<DetectionSettings, 'syncLostMs' | 'syncLosses'>;

/** What a `PacketAligner` knows of itself. */
export type SyncFigures = Pick<PacketAligner, 'synced' | 'syncLosses'>;

const WINDOW_MS = 10_000;

/**
 * A source that was a transport stream and is none any more: packets are not found again for long, or are lost again and
 * again. What never was one is the business of whoever opened it.
 */
export class SyncWatch {
  readonly #settings: SyncSettings;
  #wasSynced = false;
  #unsyncedSinceMs: number | undefined;
  #windowStartMs: number | undefined;
  /** The aligner's count at the start of the window, and half a window before. */
  #lossesAtStart = 0;
  #lossesBefore = 0;

  constructor(settings: SyncSettings) {
    this.#settings = settings;
  }

  /** To be called after each chunk. Returns SYNC_LOST while it holds. */
  push({ synced, syncLosses }: SyncFigures, nowMs: number): StreampoolError | undefined {
    this.#wasSynced ||= synced;
    if (!this.#wasSynced) return undefined;
    this.#moveWindow(syncLosses, nowMs);
    const limit = this.#settings.syncLosses;
    const losses = syncLosses - this.#lossesBefore;
    if (limit > 0 && losses >= limit) {
      const seconds = WINDOW_MS / 1_000;
      return lost(`the source lost packet sync ${losses} times within ${seconds} s`, { losses });
    }
    if (synced) {
      this.#unsyncedSinceMs = undefined;
      return undefined;
    }
    this.#unsyncedSinceMs ??= nowMs;
    const { syncLostMs } = this.#settings;
    if (syncLostMs <= 0 || nowMs - this.#unsyncedSinceMs < syncLostMs) return undefined;
    return lost(`the source has sent no packets for ${syncLostMs / 1_000} s, only other bytes`, {
      unsyncedMs: Math.round(nowMs - this.#unsyncedSinceMs),
    });
  }

  /** The window slides by halves: the count goes back half a window to a whole one. */
  #moveWindow(syncLosses: number, nowMs: number): void {
    this.#windowStartMs ??= nowMs;
    const elapsed = nowMs - this.#windowStartMs;
    if (elapsed < WINDOW_MS / 2) return;
    this.#lossesBefore = elapsed < WINDOW_MS ? this.#lossesAtStart : syncLosses;
    this.#lossesAtStart = syncLosses;
    this.#windowStartMs = nowMs;
  }
}

function lost(message: string, info: Record<string, number>): StreampoolError {
  return new StreampoolError('SYNC_LOST', message, { info });
}
