import { adaptationFlags, PACKET_SIZE, PCR_FLAG, pidOf } from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { addTicks, readClockBase, readTimestamp, TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';

/** A step ahead of more than this, or back of more than the other, is a jump of the source's clock. */
export const JUMP_AHEAD = 10 * TICKS_PER_SECOND;
export const JUMP_BACK = 0.2 * TICKS_PER_SECOND;
/** A PTS or PCR farther than this from where it should be says nothing about when its media is due. */
const PLAUSIBLE = 5 * TICKS_PER_SECOND;
const DEFAULT_STEP = TICKS_PER_SECOND / 25;
/** Stands for a duration that is not known. */
const SHORTEST_STEP = TICKS_PER_SECOND / 500;
const LONGEST_STEP = TICKS_PER_SECOND / 2;
/** How long the slowest delivery is remembered, per half. */
const PACE_MEMORY_MS = 10_000;
/** Reads and frames batch what a live source sends; what comes in larger pieces than this is a burst or a segment. */
const BATCH = 0.3 * TICKS_PER_SECOND;
/** What comes within this time is one delivery. */
const ONE_DELIVERY_MS = 10;
/** The usual pace is the average of so many deliveries: a minute or so, in which seams do not add up. */
const USUAL_DELIVERIES = 600;

/** The first timestamps of what is to be joined on, in its own time. */
export interface FirstTimes {
  readonly dts: number;
  readonly pts: number;
  readonly pcr?: number;
  /** DTS of the main stream's second PES packet. */
  readonly nextDts?: number;
}

interface PidTimes {
  dts: number;
  /** How long its last PES packet but one lasted: what the last one is taken to last. */
  step: number;
  /** Whether this PID's times go with the main stream's; a stream that never did cannot tell a jump. */
  inStep: boolean;
}

/** Where a clock jump was suspected: by the PCR, or by a PES packet of a PID. */
export type Suspect = { readonly pcr: number } | { readonly pid: number; readonly dts: number };

/**
 * Where the output's time stands: the last PCR and the last DTS of every PID, the furthest PTS of the main stream, and
 * how media time has kept up with the wall clock. All timestamps are the output's, in 90 kHz ticks of 33 bits.
 */
export class Timeline {
  /** PID of the stream that stands for the program, and of its clock reference; -1 while unknown. */
  mainPid = -1;
  pcrPid = -1;
  /** The last PCR base. */
  pcr: number | undefined;
  /** What a jump was suspected by when `follow` or `suspects…` last said so. */
  suspect: Suspect | undefined;
  /** A PES packet that was suspected wrongly: it goes out, but its time does not count. */
  #pardoned: { readonly pid: number; readonly dts: number } | undefined;

  readonly #smooth: boolean;
  readonly #times = new Map<number, PidTimes>();
  readonly #pes: PesTimes = { pts: -1, dts: -1 };
  #mainDts: number | undefined;
  #mainMaxPts = 0;
  #mainStep = DEFAULT_STEP;
  /** DTS of the main stream without wraps: only differences mean anything. */
  #position = 0;
  #lastAdvanceMs: number | undefined;
  #notedPosition = 0;
  /** Whether the next media follows the last without a seam, so that its delay tells the source's pace. */
  #continuous = false;
  /** The least that position was ahead of the wall clock, in ticks: in the current and the previous stretch of time. */
  #pace = Number.POSITIVE_INFINITY;
  #formerPace = Number.POSITIVE_INFINITY;
  #paceSinceMs = 0;
  /** How far position was ahead of the wall clock after a delivery: on average, and after the last one. */
  #usualPace: number | undefined;
  #deliveries = 0;
  #newestPace = 0;
  #newestPaceMs = Number.NEGATIVE_INFINITY;

  /** `smooth`: whether jumps are looked for. */
  constructor(smooth: boolean) {
    this.#smooth = smooth;
  }

  /** The last DTS of the main stream. */
  get mainDts(): number | undefined {
    return this.#mainDts;
  }

  /** Where the last PES packet of a PID ends, as far as can be told: one of audio holds several frames. */
  endOf(pid: number): number | undefined {
    const times = this.#times.get(pid);
    return times && addTicks(times.dts, times.step);
  }

  /**
   * Reads packets that go out unchanged, from `from` on. Returns the offset of the first one whose clock seems to have
   * jumped (`suspect` says why), or the length of `run`.
   */
  follow(run: Buffer, from: number): number {
    for (let at = from; at < run.length; at += PACKET_SIZE) {
      const starts = (run[at + 1]! & 0x40) !== 0;
      const adapted = (run[at + 3]! & 0x20) !== 0;
      if (!starts && !adapted) continue;
      const pid = pidOf(run, at);
      if (adapted && pid === this.pcrPid && (adaptationFlags(run, at) & PCR_FLAG) !== 0) {
        const pcr = readClockBase(run, at + 6);
        if (this.suspectsPcr(pcr)) return at;
        this.pcr = pcr;
      }
      if (!starts || findPesTimes(run, at, this.#pes) !== 'found') continue;
      const pts = readTimestamp(run, this.#pes.pts);
      const dts = this.#pes.dts < 0 ? pts : readTimestamp(run, this.#pes.dts);
      if (this.suspectsPes(pid, dts)) return at;
      this.notePes(pid, dts, pts);
    }
    return run.length;
  }

  /** Whether the clock seems to have jumped to this PCR. */
  suspectsPcr(pcr: number): boolean {
    if (!this.#smooth || this.pcr === undefined) return false;
    if (!isJump(tickDifference(pcr, this.pcr))) return false;
    this.suspect = { pcr };
    return true;
  }

  /** Whether the clock seems to have jumped to the DTS of this PES packet. */
  suspectsPes(pid: number, dts: number): boolean {
    if (!this.#smooth || this.#mainDts === undefined || this.#isPardoned(pid, dts)) return false;
    const apart = tickDifference(dts, this.#mainDts);
    if (pid === this.mainPid ? !isJump(apart) : Math.abs(apart) <= JUMP_AHEAD) return false;
    if (pid !== this.mainPid && !this.#times.get(pid)?.inStep) return false;
    this.suspect = { pid, dts };
    return true;
  }

  /** Takes the suspected time for what it is: no jump of the program's clock. */
  dismissSuspect(): void {
    const suspect = this.suspect;
    this.suspect = undefined;
    if (!suspect) return;
    if ('pcr' in suspect) {
      this.pcr = suspect.pcr;
      return;
    }
    this.#pardoned = suspect;
    const times = this.#times.get(suspect.pid);
    if (times && suspect.pid !== this.mainPid) times.inStep = false;
  }

  /**
   * Whether the main stream, going on with this DTS and then `nextDts`, has jumped: more than the wall time that has
   * passed explains, and not for one damaged picture only.
   */
  hasJumpedTo(dts: number, nextDts: number | undefined, nowMs: number): boolean {
    if (this.#mainDts === undefined) return false;
    if (nextDts !== undefined && isJump(tickDifference(nextDts, dts))) return false;
    const apart = tickDifference(dts, this.#mainDts);
    return apart < -JUMP_BACK || apart > JUMP_AHEAD + this.#elapsed(nowMs);
  }

  /** Notes a PES packet that goes out. */
  notePes(pid: number, dts: number, pts: number): void {
    if (this.#isPardoned(pid, dts)) {
      this.#pardoned = undefined;
      return;
    }
    const times = this.#times.get(pid);
    const inStep = this.#mainDts !== undefined && Math.abs(tickDifference(dts, this.#mainDts)) <= JUMP_AHEAD;
    if (times) {
      const step = tickDifference(dts, times.dts);
      if (step > 0 && step <= LONGEST_STEP) times.step = step;
      times.dts = dts;
      times.inStep ||= inStep;
    } else {
      this.#times.set(pid, { dts, step: SHORTEST_STEP, inStep });
    }
    if (pid === this.mainPid) this.#noteMain(dts, pts);
  }

  /** Notes that all packets so far have gone out at this time: keeps account of how media time follows wall time. */
  notePace(nowMs: number): void {
    if (this.#mainDts === undefined || this.#notedPosition === this.#position) return;
    // Before new media arrives the output is as late as it gets.
    const latest = this.#continuous ? this.#notedPosition : this.#position;
    this.#keepSlowest(latest - nowMs * 90, nowMs);
    this.#keepUsual(this.#position - nowMs * 90, nowMs);
    this.#continuous = true;
    this.#notedPosition = this.#position;
    this.#lastAdvanceMs = nowMs;
  }

  /**
   * How far to move what starts with these times, so that it goes on where the output stands: where the output would be
   * by now had it gone on at its pace (so a gap lasts as long as it really did, less what was delivered ahead of time),
   * and behind every DTS, PTS and PCR of the main stream already out. In ticks.
   */
  anchor(first: FirstTimes, nowMs: number): number {
    if (this.#mainDts === undefined) return 0;
    const pace = this.#duePace();
    const due = Number.isFinite(pace) ? Math.round(nowMs * 90 + pace - this.#position) : 0;
    let shift = this.#mainDts + Math.max(due, this.#mainStep) - first.dts;
    const behindPts = tickDifference(first.pts + shift, this.#mainMaxPts);
    if (behindPts <= 0 && behindPts > -PLAUSIBLE) shift += 1 - behindPts;
    if (first.pcr !== undefined && this.pcr !== undefined) {
      const behindPcr = tickDifference(first.pcr + shift, this.pcr);
      if (behindPcr <= 0 && behindPcr > -PLAUSIBLE) shift += 1 - behindPcr;
    }
    return shift;
  }

  /** What follows was anchored to start with these times (the output's): the gap before it is neither a jump nor slowness. */
  rejoin(first: FirstTimes): void {
    this.suspect = undefined;
    this.#continuous = false;
    this.pcr = undefined;
    if (this.#mainDts === undefined) return;
    const start = addTicks(first.dts, -this.#mainStep);
    this.#position += tickDifference(start, this.#mainDts);
    this.#mainDts = start;
  }

  #isPardoned(pid: number, dts: number): boolean {
    return this.#pardoned !== undefined && this.#pardoned.pid === pid && this.#pardoned.dts === dts;
  }

  #noteMain(dts: number, pts: number): void {
    if (this.#mainDts === undefined) {
      this.#mainMaxPts = pts;
    } else {
      const step = tickDifference(dts, this.#mainDts);
      if (step > 0 && step <= LONGEST_STEP) this.#mainStep = step;
      this.#position += step;
      if (tickDifference(pts, this.#mainMaxPts) > 0) this.#mainMaxPts = pts;
    }
    this.#mainDts = dts;
  }

  #elapsed(nowMs: number): number {
    return this.#lastAdvanceMs === undefined ? 0 : (nowMs - this.#lastAdvanceMs) * 90;
  }

  /**
   * The pace that players live by. A source that sends in bursts or segments: its slowest, since they have the rest in
   * their buffers. A live source: its usual one, or each seam would put the stream back by the length of a batch.
   */
  #duePace(): number {
    const slowest = Math.min(this.#pace, this.#formerPace);
    const usual = this.#usualPace ?? slowest;
    return usual - slowest <= BATCH ? usual : slowest;
  }

  #keepUsual(ahead: number, nowMs: number): void {
    if (nowMs - this.#newestPaceMs > ONE_DELIVERY_MS && Number.isFinite(this.#newestPaceMs)) {
      this.#deliveries = Math.min(this.#deliveries + 1, USUAL_DELIVERIES);
      this.#usualPace ??= this.#newestPace;
      this.#usualPace += (this.#newestPace - this.#usualPace) / this.#deliveries;
    }
    this.#newestPace = ahead;
    this.#newestPaceMs = nowMs;
  }

  #keepSlowest(ahead: number, nowMs: number): void {
    if (nowMs - this.#paceSinceMs > PACE_MEMORY_MS) {
      this.#formerPace = this.#pace;
      this.#pace = ahead;
      this.#paceSinceMs = nowMs;
    } else if (ahead < this.#pace) {
      this.#pace = ahead;
    }
  }
}

function isJump(step: number): boolean {
  return step < -JUMP_BACK || step > JUMP_AHEAD;
}
