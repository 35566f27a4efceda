import {
  hasPayload,
  isScrambled,
  PACKET_SIZE,
  PID_COUNT,
  payloadStart,
  pidOf,
  startsUnit,
} from '../packet.ts';
import { PendingUnit } from './pending-unit.ts';

export interface PesGateOptions {
  /** Monotonic time in ms. */
  readonly now: () => number;
  /** A PES packet that is not complete after this long is let through in pieces. Default 500. */
  readonly maxHoldMs?: number;
  /** Likewise for one that is larger. Default 4 MB. */
  readonly maxHoldBytes?: number;
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Lets PES packets through only when they are complete, so that a source may end anywhere and no decoder is given half a
 * picture: what is still in the gate then is dropped with the source.
 *
 * The packets of one PES packet come out in a row, behind packets of other PIDs that came in between; order within a
 * PID stays. A decoder could not have used them earlier. A PES packet with a length is complete with its last byte; one
 * without (video, usually) when the next one starts, which is a frame later. Sections, null packets and scrambled
 * PIDs pass at once.
 */
export class PesGate {
  readonly #now: () => number;
  readonly #maxHoldMs: number;
  readonly #maxHoldBytes: number;
  readonly #units: (PendingUnit | undefined)[] = new Array(PID_COUNT);
  readonly #open = new Set<PendingUnit>();
  #out: Buffer = EMPTY;
  #length = 0;

  constructor(options: PesGateOptions) {
    this.#now = options.now;
    this.#maxHoldMs = options.maxHoldMs ?? 500;
    this.#maxHoldBytes = options.maxHoldBytes ?? 4 * 1024 * 1024;
  }

  /** Takes whole packets and returns those that may go out, in a buffer that is valid until the next call. */
  push(run: Buffer): Buffer {
    this.#length = 0;
    this.#reserve(run.length);
    for (let at = 0; at < run.length; ) {
      const pid = pidOf(run, at);
      let unit = this.#units[pid];
      if (startsUnit(run, at)) unit = this.#begin(pid, unit, run, at);
      let end = at + PACKET_SIZE;
      if (unit === undefined || !unit.isHeld) {
        // Everything up to the next packet that has to be looked at goes in one copy.
        while (end < run.length && pidOf(run, end) === pid && !startsUnit(run, end)) end += PACKET_SIZE;
        this.#write(run.subarray(at, end));
      } else {
        unit.append(run, at);
        if (unit.isComplete || unit.length > this.#maxHoldBytes) this.#release(unit);
      }
      at = end;
    }
    this.#releaseOverdue();
    return this.#out.subarray(0, this.#length);
  }

  /** The source has come to its proper end: what is left is as complete as it gets. */
  flush(): Buffer {
    this.#length = 0;
    for (const unit of [...this.#open]) this.#release(unit);
    return this.#out.subarray(0, this.#length);
  }

  /** A unit starts: the one before on this PID is complete. Returns the state that packets of the PID go by from here on. */
  #begin(pid: number, former: PendingUnit | undefined, run: Buffer, at: number): PendingUnit | undefined {
    if (former?.isHeld) this.#release(former);
    if (!startsPes(run, at)) {
      this.#units[pid] = undefined;
      return undefined;
    }
    const unit = former ?? new PendingUnit();
    this.#units[pid] = unit;
    unit.begin(this.#now());
    this.#open.add(unit);
    return unit;
  }

  #release(unit: PendingUnit): void {
    this.#write(unit.packets);
    unit.letThrough();
    this.#open.delete(unit);
  }

  #releaseOverdue(): void {
    if (this.#open.size === 0) return;
    const oldest = this.#now() - this.#maxHoldMs;
    for (const unit of this.#open) if (unit.sinceMs < oldest) this.#release(unit);
  }

  #write(packets: Buffer): void {
    this.#reserve(packets.length);
    packets.copy(this.#out, this.#length);
    this.#length += packets.length;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#out.length, this.#length + bytes));
    this.#out.copy(grown, 0, 0, this.#length);
    this.#out = grown;
  }
}

/** Whether a PES packet begins in the packet at `at`, in the clear (ISO/IEC 13818-1 §2.4.3.6). */
function startsPes(run: Buffer, at: number): boolean {
  if (!hasPayload(run, at) || isScrambled(run, at)) return false;
  const pes = payloadStart(run, at);
  return pes + 3 <= at + PACKET_SIZE && run[pes] === 0 && run[pes + 1] === 0 && run[pes + 2] === 1;
}
