import { StreampoolError } from '@streampool/errors';
import type { DetectionSettings } from './detection-settings.ts';

const PACKET_SIZE = 188;
const SLOTS = 10;

export type BitrateFloorSettings = Pick<DetectionSettings, 'bitrateFloorKbps' | 'bitrateFloorMs'>;

/**
 * A source whose mean bitrate over `bitrateFloorMs` lies under the floor. Null packets do not count: a multiplexer goes
 * on stuffing when its encoder is gone. Deliveries in bursts (segments every few seconds) are fine as long as
 * the window holds at least one.
 *
 * The window is kept in tenths, so that a source that has just begun is judged by a whole window only.
 */
export class BitrateFloor {
  readonly #settings: BitrateFloorSettings;
  readonly #slotMs: number;
  readonly #slots = new Float64Array(SLOTS);
  #slot = 0;
  #filled = 0;
  #slotStartMs: number | undefined;
  #verdict: StreampoolError | undefined;

  constructor(settings: BitrateFloorSettings) {
    this.#settings = settings;
    this.#slotMs = settings.bitrateFloorMs / SLOTS;
  }

  /** Takes whole packets. Returns SOURCE_BITRATE_LOW while the last whole window is under the floor. */
  push(run: Buffer, nowMs: number): StreampoolError | undefined {
    if (this.#settings.bitrateFloorKbps <= 0) return undefined;
    const verdict = this.check(nowMs);
    let bytes = 0;
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      if (run[at + 2] !== 0xff || (run[at + 1]! & 0x1f) !== 0x1f) bytes += PACKET_SIZE;
    }
    this.#slots[this.#slot]! += bytes;
    return verdict;
  }

  /** The same verdict without packets: for a source that sends nothing at all. */
  check(nowMs: number): StreampoolError | undefined {
    const { bitrateFloorKbps, bitrateFloorMs } = this.#settings;
    if (bitrateFloorKbps <= 0) return undefined;
    this.#slotStartMs ??= nowMs;
    // After a long pause every slot is overwritten once; further rounds would change nothing.
    const passed = Math.floor((nowMs - this.#slotStartMs) / this.#slotMs);
    for (let i = 0; i < Math.min(passed, SLOTS); i++) {
      this.#filled += 1;
      if (this.#filled >= SLOTS) this.#verdict = this.#judge();
      this.#slot = (this.#slot + 1) % SLOTS;
      this.#slots[this.#slot] = 0;
    }
    this.#slotStartMs += passed * this.#slotMs;
    if (passed > SLOTS) this.#verdict = lowBitrate(0, bitrateFloorKbps, bitrateFloorMs);
    return this.#verdict;
  }

  #judge(): StreampoolError | undefined {
    const { bitrateFloorKbps, bitrateFloorMs } = this.#settings;
    let bytes = 0;
    for (const slot of this.#slots) bytes += slot;
    const kbps = (bytes * 8) / bitrateFloorMs;
    return kbps < bitrateFloorKbps ? lowBitrate(kbps, bitrateFloorKbps, bitrateFloorMs) : undefined;
  }
}

function lowBitrate(kbps: number, floorKbps: number, overMs: number): StreampoolError {
  const rounded = Math.round(kbps);
  return new StreampoolError(
    'SOURCE_BITRATE_LOW',
    `the source sent ${rounded} kbit/s over ${overMs / 1_000} s, less than ${floorKbps} kbit/s`,
    { info: { kbps: rounded, floorKbps } },
  );
}
