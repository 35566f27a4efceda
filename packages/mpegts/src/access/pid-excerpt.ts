import { hasPayload, isScrambled, PACKET_SIZE, pidOf, startsUnit } from '../packet.ts';
import { ptsOf } from '../pes.ts';
import { TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';
import { PacketBuffer } from './packet-buffer.ts';

/** Takes the packets of one PID out of the stream, whole PES packets, until they play for a given time. */
export class PidExcerpt {
  readonly #pid: number;
  readonly #ticks: number;
  readonly #packets: PacketBuffer;
  #firstPts: number | undefined;
  #started = false;

  /**
   * @param milliseconds of playing time wanted, by the PTS
   * @param maxBytes of transport packets; reached sooner (streams without PTS), they are the excerpt
   */
  constructor(pid: number, milliseconds: number, maxBytes: number) {
    this.#pid = pid;
    this.#ticks = (milliseconds * TICKS_PER_SECOND) / 1_000;
    this.#packets = new PacketBuffer(maxBytes);
  }

  /** Takes whole packets of any PID. Returns the excerpt once it is complete; to be thrown away after that. */
  push(run: Buffer): Buffer | undefined {
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      if (pidOf(run, at) !== this.#pid || !hasPayload(run, at) || isScrambled(run, at)) continue;
      if (startsUnit(run, at) && this.#startUnit(ptsOf(run, at))) return this.#packets.release();
      if (this.#started && !this.#packets.append(run, at)) return this.#packets.release();
    }
    return undefined;
  }

  /** True if the excerpt is complete with the unit before. */
  #startUnit(pts: number | undefined): boolean {
    this.#started = true;
    if (pts === undefined) return false;
    this.#firstPts ??= pts;
    const played = tickDifference(pts, this.#firstPts);
    if (played >= 0 && played < 2 * this.#ticks) return played >= this.#ticks;
    // The clock jumped: what was collected does not go on here.
    this.#packets.clear();
    this.#firstPts = pts;
    return false;
  }
}
