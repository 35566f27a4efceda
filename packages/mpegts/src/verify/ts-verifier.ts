import {
  adaptationFlags,
  DISCONTINUITY_FLAG,
  hasPayload,
  NULL_PID,
  PACKET_SIZE,
  PAT_PID,
  PID_COUNT,
  pidOf,
} from '../packet.ts';
import { PacketAligner } from '../packet-aligner.ts';
import { TsScanner } from '../ts-scanner.ts';
import { TimeChecker, type TimeFault } from './time-checker.ts';

export interface TsVerifierOptions {
  /** Whether PCR, DTS and PTS are checked too. Default true. */
  readonly timestamps?: boolean;
  /** The longest step of a PID's DTS, or of the PCR, that is no jump. Default 1,000 ms. */
  readonly longestStepMs?: number;
}

export interface TsVerdict {
  readonly bytes: number;
  readonly packets: number;
  /** Times the packets lost their places, and bytes that were in none. */
  readonly syncErrors: number;
  readonly bytesDropped: number;
  readonly continuityErrors: number;
  readonly continuityErrorsByPid: ReadonlyMap<number, number>;
  /** Packets with discontinuity_indicator. */
  readonly discontinuities: number;
  /** Packets that a demodulator marked as damaged. */
  readonly transportErrors: number;
  /** Complaints about timestamps, and the first of them. */
  readonly timeFaults: number;
  readonly timeFaultList: readonly TimeFault[];
  /** First and last DTS by PID. */
  readonly spans: ReadonlyMap<number, { readonly first: number; readonly last: number }>;
  /** Offset, in bytes of whole packets, of the first place where a decoder can start. */
  readonly firstAccessPoint: number | undefined;
  /** The first packets were PAT and PMT, and the next one started a picture that needs no other. */
  readonly startsClean: boolean;
}

/** In the record of a PID: there was a packet; the last one repeated the one before. */
const SEEN = 0x80;
const REPEATED = 0x40;

/**
 * Complains as a player would about a transport stream: packets out of place, gaps in continuity counters
 * (ISO/IEC 13818-1 §2.4.3.3: they count packets with payload, one may be repeated once, discontinuity_indicator excuses
 * a gap), time that does not go on, a beginning that cannot be decoded.
 */
export class TsVerifier {
  readonly #aligner = new PacketAligner();
  readonly #times: TimeChecker | undefined;
  readonly #counters = new Uint8Array(PID_COUNT);
  readonly #errorsByPid = new Map<number, number>();
  #errors = 0;
  #discontinuities = 0;
  #transportErrors = 0;
  #length = 0;

  #scanner: TsScanner | undefined;
  #firstAccessPoint: number | undefined;
  /** Offset of the first packet that was no PAT or PMT. */
  #tablesEnd = -1;
  #patSeen = false;

  constructor(options: TsVerifierOptions = {}) {
    if (options.timestamps !== false) this.#times = new TimeChecker(options.longestStepMs ?? 1000);
    this.#scanner = new TsScanner({
      onAccessPoint: (point) => {
        this.#firstAccessPoint ??= point.offset;
      },
    });
  }

  /** Takes bytes of the stream, in any cut. */
  push(chunk: Buffer): void {
    this.#aligner.align(chunk, (run) => this.#check(run));
  }

  /** What was found so far; with `end`, including packets that only the end of the stream confirms. */
  verdict(end = false): TsVerdict {
    if (end) this.#check(this.#aligner.flush());
    return {
      bytes: this.#aligner.bytesSeen,
      packets: this.#length / PACKET_SIZE,
      syncErrors: this.#aligner.syncLosses,
      bytesDropped: this.#aligner.bytesDropped,
      continuityErrors: this.#errors,
      continuityErrorsByPid: new Map(this.#errorsByPid),
      discontinuities: this.#discontinuities,
      transportErrors: this.#transportErrors,
      timeFaults: this.#times?.faults ?? 0,
      timeFaultList: [...(this.#times?.list ?? [])],
      spans: this.#times?.spans ?? new Map(),
      firstAccessPoint: this.#firstAccessPoint,
      startsClean:
        this.#patSeen && this.#firstAccessPoint !== undefined && this.#tablesEnd === this.#firstAccessPoint,
    };
  }

  #check(run: Buffer): void {
    const counters = this.#counters;
    const length = run.length;
    for (let at = 0; at < length; at += PACKET_SIZE) {
      const control = run[at + 3]!;
      const pid = pidOf(run, at);
      const last = counters[pid]!;
      const next = (control & 0x0f) | SEEN;
      counters[pid] = next;
      const counted = (control & 0x30) === 0x10 && ((last + 1) & 0x0f) === (control & 0x0f);
      if (counted && (last & SEEN) !== 0 && (run[at + 1]! & 0x80) === 0) continue;
      this.#checkUnusual(run, at, pid, last);
    }
    if (this.#scanner) this.#checkStart(run);
    this.#times?.check(run, this.#length);
    this.#length += length;
  }

  /** A packet that is not simply the next of its PID with nothing but payload. */
  #checkUnusual(run: Buffer, at: number, pid: number, last: number): void {
    if (pid === NULL_PID) return;
    if ((run[at + 1]! & 0x80) !== 0) this.#transportErrors++;
    if ((adaptationFlags(run, at) & DISCONTINUITY_FLAG) !== 0) {
      this.#discontinuities++;
      return;
    }
    if ((last & SEEN) === 0) return;
    const step = ((run[at + 3]! & 0x0f) - last) & 0x0f;
    if (!hasPayload(run, at)) {
      if (step === 0) return;
    } else if (step === 1) {
      return;
    } else if (step === 0 && (last & REPEATED) === 0) {
      this.#counters[pid]! |= REPEATED;
      return;
    }
    this.#errors++;
    this.#errorsByPid.set(pid, (this.#errorsByPid.get(pid) ?? 0) + 1);
  }

  /** Until a decoder could have started. */
  #checkStart(run: Buffer): void {
    const scanner = this.#scanner!;
    if (this.#length === 0 && run.length > 0) this.#patSeen = pidOf(run, 0) === PAT_PID;
    for (let at = 0; at < run.length && this.#firstAccessPoint === undefined; at += PACKET_SIZE) {
      const packet = run.subarray(at, at + PACKET_SIZE);
      scanner.scan(packet, this.#length + at);
      const pid = pidOf(packet, 0);
      const isTable = pid === PAT_PID || pid === scanner.program?.pmtPid;
      if (!isTable && this.#tablesEnd < 0) this.#tablesEnd = this.#length + at;
    }
    if (this.#firstAccessPoint !== undefined) this.#scanner = undefined;
  }
}
