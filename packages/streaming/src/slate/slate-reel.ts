import {
  addTicks,
  buildClockPacket,
  buildTables,
  NULL_PID,
  PACKET_SIZE,
  PAT_PID,
  type ProgramMap,
  packetizePes,
  retimedPes,
  TICKS_PER_SECOND,
  tickDifference,
} from '@streampool/mpegts';
import type { SlateTrack } from './slate.ts';

/** What is played on one PID. */
export interface ReelTrack {
  readonly pid: number;
  readonly track: SlateTrack;
  /** The stream that the others keep to: its keyframes are preceded by tables, and each of its units by a clock reference. */
  readonly isMain: boolean;
}

/** Timestamps begin here: far from the wrap, and with room for a clock before them. */
const START_TICKS = 60 * TICKS_PER_SECOND;

/** Tables for whoever joins, at least this often: with the first unit that can be joined at. */
const TABLES_EVERY_TICKS = TICKS_PER_SECOND / 2;

interface Playing extends ReelTrack {
  played: number;
}

/**
 * Plays a slate as one endless transport stream of the given program: each track round and round by its own length, so
 * that neither picture nor sound ever waits for the other at the end of a loop.
 */
export class SlateReel {
  readonly #program: ProgramMap;
  readonly #delayTicks: number;
  readonly #tracks: Playing[];
  readonly #counters = new Map<number, number>();
  #tablesAt = Number.NEGATIVE_INFINITY;

  /** @param delayTicks how far the clock reference is before the DTS of what is delivered with it */
  constructor(program: ProgramMap, tracks: readonly ReelTrack[], delayTicks: number) {
    this.#program = program;
    this.#delayTicks = delayTicks;
    this.#tracks = tracks.map((track) => ({ ...track, played: 0 }));
  }

  /** Whole packets of everything that is due before `ticks` (90 kHz, from the reel's beginning) and was not returned yet. */
  playUntil(ticks: number): Buffer {
    const parts: Buffer[] = [];
    for (;;) {
      const next = this.#next();
      if (!next || startOf(next) >= ticks) return Buffer.concat(parts);
      parts.push(...this.#play(next));
    }
  }

  /** The track whose turn it is; the main one first, so that the tables come before everything. */
  #next(): Playing | undefined {
    let next: Playing | undefined;
    for (const track of this.#tracks) {
      if (!next || startOf(track) < startOf(next) || (track.isMain && startOf(track) === startOf(next)))
        next = track;
    }
    return next;
  }

  #play(playing: Playing): Buffer[] {
    const { pid, track, isMain } = playing;
    const unit = track.units[playing.played % track.units.length]!;
    const start = startOf(playing);
    const dts = START_TICKS + Math.round(start);
    const pts = addTicks(dts, tickDifference(unit.pts, unit.dts));
    playing.played += 1;
    const parts: Buffer[] = [];
    if (isMain) {
      if (unit.randomAccess && start - this.#tablesAt >= TABLES_EVERY_TICKS) {
        this.#tablesAt = start;
        parts.push(this.#tables());
      }
      const { pcrPid } = this.#program;
      if (pcrPid !== NULL_PID)
        parts.push(buildClockPacket(pcrPid, this.#counterOf(pcrPid) - 1, addTicks(dts, -this.#delayTicks)));
    }
    const pes = retimedPes(unit, pts, dts);
    parts.push(this.#counted(pid, packetizePes(pid, pes, this.#counterOf(pid), unit.randomAccess)));
    return parts;
  }

  #tables(): Buffer {
    const { pmtPid } = this.#program;
    const [pat, pmt] = [this.#counterOf(PAT_PID), this.#counterOf(pmtPid)];
    const tables = buildTables(this.#program, { pat, pmt });
    this.#counted(PAT_PID, tables.subarray(0, PACKET_SIZE));
    this.#counted(pmtPid, tables.subarray(PACKET_SIZE));
    return tables;
  }

  /** The continuity counter of the next packet with payload. */
  #counterOf(pid: number): number {
    return this.#counters.get(pid) ?? 0;
  }

  #counted(pid: number, packets: Buffer): Buffer {
    this.#counters.set(pid, (this.#counterOf(pid) + packets.length / PACKET_SIZE) & 0x0f);
    return packets;
  }
}

/** When the next unit of a track is due, in ticks from the beginning. */
function startOf({ played, track }: Playing): number {
  return played * track.unitTicks;
}
