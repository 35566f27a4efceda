import { adaptationFlags, DISCONTINUITY_FLAG, PACKET_SIZE, PCR_FLAG, pidOf } from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { readClockBase, readTimestamp, TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';

/** One complaint about a timestamp. Times are 90 kHz ticks of 33 bits. */
export interface TimeFault {
  readonly pid: number;
  readonly clock: 'pcr' | 'dts' | 'pts';
  /** `back`: not after the one before (PCR: before it). `jump`: too far ahead. `early`: a PTS before its DTS. */
  readonly fault: 'back' | 'jump' | 'early';
  readonly from: number;
  readonly to: number;
  /** Of the packet, in bytes of whole packets. */
  readonly offset: number;
}

export const LISTED_FAULTS = 100;

/** Checks that PCR and DTS (PTS where there is no DTS) of each PID go ahead, and not too far at once. */
export class TimeChecker {
  faults = 0;
  /** The first ones, `LISTED_FAULTS` at the most. */
  readonly list: TimeFault[] = [];
  readonly #longestStep: number;
  readonly #dts = new Map<number, number>();
  readonly #pcr = new Map<number, number>();
  readonly #first = new Map<number, number>();
  readonly #pes: PesTimes = { pts: -1, dts: -1 };

  /** `longestStepMs`: what is a jump. */
  constructor(longestStepMs: number) {
    this.#longestStep = (longestStepMs * TICKS_PER_SECOND) / 1000;
  }

  /** First and last DTS of each PID that had any. */
  get spans(): ReadonlyMap<number, { first: number; last: number }> {
    return new Map([...this.#dts].map(([pid, last]) => [pid, { first: this.#first.get(pid)!, last }]));
  }

  check(run: Buffer, offset: number): void {
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      const starts = (run[at + 1]! & 0x40) !== 0;
      if (!starts && (run[at + 3]! & 0x20) === 0) continue;
      const pid = pidOf(run, at);
      const flags = adaptationFlags(run, at);
      if ((flags & DISCONTINUITY_FLAG) !== 0) {
        this.#pcr.delete(pid);
        this.#dts.delete(pid);
      }
      if ((flags & PCR_FLAG) !== 0)
        this.#step(this.#pcr, pid, 'pcr', readClockBase(run, at + 6), offset + at);
      if (!starts || findPesTimes(run, at, this.#pes) !== 'found') continue;
      const pts = readTimestamp(run, this.#pes.pts);
      const dts = this.#pes.dts < 0 ? pts : readTimestamp(run, this.#pes.dts);
      if (tickDifference(pts, dts) < 0) {
        this.#report({ pid, clock: 'pts', fault: 'early', from: dts, to: pts, offset: offset + at });
      }
      if (!this.#first.has(pid)) this.#first.set(pid, dts);
      this.#step(this.#dts, pid, this.#pes.dts < 0 ? 'pts' : 'dts', dts, offset + at);
    }
  }

  #step(last: Map<number, number>, pid: number, clock: TimeFault['clock'], to: number, offset: number): void {
    const from = last.get(pid);
    last.set(pid, to);
    if (from === undefined) return;
    const step = tickDifference(to, from);
    // Two packets may carry the same PCR base: they differ in its 27 MHz extension.
    if (step < 0 || (step === 0 && clock !== 'pcr'))
      this.#report({ pid, clock, fault: 'back', from, to, offset });
    else if (step > this.#longestStep) this.#report({ pid, clock, fault: 'jump', from, to, offset });
  }

  #report(fault: TimeFault): void {
    this.faults++;
    if (this.list.length < LISTED_FAULTS) this.list.push(fault);
  }
}
