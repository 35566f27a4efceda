import { AccessUnitProbe, type Verdict } from './access/access-unit-probe.ts';
import {
  adaptationFlags,
  hasTransportError,
  NULL_PID,
  PACKET_SIZE,
  PID_COUNT,
  pidOf,
  RANDOM_ACCESS_FLAG,
} from './packet.ts';
import { ptsOf } from './pes.ts';
import { mainVideo } from './psi/main-stream.ts';
import { ProgramTracker } from './psi/program-tracker.ts';
import { TICKS_PER_SECOND, tickDifference } from './timestamps.ts';
import type { AccessPoint, ProgramMap } from './types.ts';

export interface TsScannerEvents {
  /** The program map became known, or changed. `offset`: of the packet that completed it. */
  onProgram?(map: ProgramMap, offset: number): void;
  /** A decoder can start at `point.offset`. Reported in order, possibly some packets after the one it points at. */
  onAccessPoint?(point: AccessPoint): void;
}

const IGNORED = 0;
const VIDEO = 1;
const AUDIO = 2;
const TABLE = 3;

/** Set in the record of a PID's last continuity counter once there is one. */
const SEEN = 0x80;

/** NIT, SDT, EIT, TDT and others (ETSI EN 300 468 §5.1.3). */
const SERVICE_INFORMATION_PIDS = Array.from({ length: 16 }, (_, i) => 0x10 + i);

/** Audio alone: a point at most this often, since every frame is one. */
const AUDIO_INTERVAL = TICKS_PER_SECOND / 2;
/** The same, for audio without timestamps. */
const AUDIO_INTERVAL_BYTES = 64 * 1024;
/** Without a certain access point for this long, uncertain ones are taken: a doubtful picture is better than none. */
export const ACCEPT_WEAK_AFTER = 12 * TICKS_PER_SECOND;
/** Without those either, any picture is (gradual refresh without parameter sets, codecs that are not looked into). */
export const ACCEPT_ANY_AFTER = 30 * TICKS_PER_SECOND;
/** Audio gives the access points of a program whose video PID has been silent this long (radio with a declared picture). */
export const VIDEO_MISSING_AFTER = 5 * TICKS_PER_SECOND;
const LONGEST_STEP = 5 * TICKS_PER_SECOND;

/**
 * Reads along a stream of whole packets and reports its program map and the places where a decoder can start:
 * video access units that are intra coded (H.264, HEVC and MPEG-2 are looked into; for others, and scrambled ones,
 * random_access_indicator decides), or audio frames if there is no video.
 *
 * Packets that are neither tables nor the start of an access unit cost one table look-up.
 */
export class TsScanner {
  readonly #events: TsScannerEvents;
  readonly #tracker = new ProgramTracker();
  /** What to do with a packet, by PID. */
  readonly #roles = new Uint8Array(PID_COUNT);
  readonly #counters = new Uint8Array(PID_COUNT);
  #program: ProgramMap | undefined;

  #probe: AccessUnitProbe | undefined;
  #probing = false;
  /** The access unit that is being looked at. Its tables and counters are kept as they were when it started. */
  #candidate = { offset: 0, pts: undefined as number | undefined };
  #candidateTables: Buffer | undefined;
  /** PIDs whose counters an access point tells: those of the program, and of service information (SDT and the like). */
  #told: readonly number[] = [];
  #countersAtStart = new Uint8Array(0);
  #lastPts: number | undefined;
  /** Ticks of video since the last access point (or the beginning); jumps of the timeline are not counted. */
  #waited = 0;
  #acceptWeak = false;
  #videoSeen = false;
  #lastAudioPoint: number | undefined;
  #lastAudioOffset = 0;
  #firstAudio: number | undefined;

  constructor(events: TsScannerEvents = {}) {
    this.#events = events;
    this.#assignRoles();
  }

  /** The program map in force. */
  get program(): ProgramMap | undefined {
    return this.#program;
  }

  /** PAT and PMT packets for whoever joins now, with the continuity counters of the last ones seen. */
  get tables(): Buffer | undefined {
    return this.#tracker.tables;
  }

  /** The continuity counter of the last packet of a PID; -1 if there was none. */
  continuityOf(pid: number): number {
    const counter = this.#counters[pid]!;
    return counter === 0 ? -1 : counter & 0x0f;
  }

  /** Reads whole packets. `offset`: absolute position of `run[0]` in the stream, in bytes. */
  scan(run: Buffer, offset: number): void {
    const roles = this.#roles;
    const counters = this.#counters;
    const length = run.length;
    for (let at = 0; at < length; at += PACKET_SIZE) {
      const high = run[at + 1]!;
      const pid = ((high & 0x1f) << 8) | run[at + 2]!;
      const role = roles[pid]!;
      if (role !== IGNORED) {
        if (role === TABLE) this.#onTable(run, at, offset);
        else if ((high & 0x40) !== 0 || this.#probing) {
          if (role === VIDEO) this.#onVideo(run, at, offset);
          else if ((high & 0x40) !== 0) this.#onAudioStart(run, at, offset);
        }
      }
      counters[pid] = (run[at + 3]! & 0x0f) | SEEN;
    }
  }

  #onTable(run: Buffer, at: number, offset: number): void {
    if (this.#probing) this.#candidateTables ??= this.#tracker.tables;
    if (!this.#tracker.push(run, at, pidOf(run, at))) return;
    const program = this.#tracker.program;
    const changed = program !== this.#program;
    this.#program = program;
    if (changed) this.#restart(program);
    this.#assignRoles();
    if (changed && program) this.#events.onProgram?.(program, offset + at);
  }

  /** A new program map: nothing known about the old one's streams holds. */
  #restart(program: ProgramMap | undefined): void {
    const video = program && mainVideo(program);
    this.#probe = video && new AccessUnitProbe(video.codec);
    this.#probing = false;
    this.#lastPts = undefined;
    this.#waited = 0;
    this.#acceptWeak = false;
    this.#videoSeen = false;
    this.#lastAudioPoint = undefined;
    this.#firstAudio = undefined;
  }

  #assignRoles(): void {
    this.#roles.fill(IGNORED);
    const program = this.#program;
    if (program) {
      const audio = program.streams.find((stream) => stream.kind === 'audio');
      const video = mainVideo(program);
      if (audio) this.#roles[audio.pid] = AUDIO;
      if (video) this.#roles[video.pid] = VIDEO;
    }
    for (const pid of this.#tracker.pids) this.#roles[pid] = TABLE;
    this.#roles[NULL_PID] = IGNORED;
    const told = new Set(SERVICE_INFORMATION_PIDS);
    for (const stream of program?.streams ?? []) told.add(stream.pid);
    if (program) told.add(program.pcrPid);
    this.#told = [...told];
    this.#countersAtStart = new Uint8Array(this.#told.length);
  }

  #onVideo(run: Buffer, at: number, offset: number): void {
    if (hasTransportError(run, at)) return;
    if ((run[at + 1]! & 0x40) === 0) {
      this.#conclude(this.#probe!.more(run, at));
      return;
    }
    if (this.#probing) this.#conclude(this.#probe!.finish());
    this.#videoSeen = true;
    if (!this.#probe || !this.#program) return;
    this.#candidate.offset = offset + at;
    this.#candidate.pts = ptsOf(run, at);
    this.#candidateTables = undefined;
    this.#keepCounters();
    this.#probing = true;
    this.#conclude(this.#probe.start(run, at, (adaptationFlags(run, at) & RANDOM_ACCESS_FLAG) !== 0));
  }

  #conclude(verdict: Verdict): void {
    if (verdict === 'open') return;
    this.#probing = false;
    const { offset, pts } = this.#candidate;
    if (pts !== undefined) {
      const step = this.#lastPts === undefined ? 0 : tickDifference(pts, this.#lastPts);
      if (Math.abs(step) < LONGEST_STEP) this.#waited += step;
      this.#lastPts = pts;
    }
    if (verdict === 'yes') this.#acceptWeak = false;
    else if (this.#waited > ACCEPT_WEAK_AFTER) this.#acceptWeak = true;
    const taken =
      verdict === 'yes' || (verdict === 'weak' && this.#acceptWeak) || this.#waited > ACCEPT_ANY_AFTER;
    if (!taken) return;
    this.#waited = 0;
    this.#report(offset, pts, this.#candidateTables);
  }

  #onAudioStart(run: Buffer, at: number, offset: number): void {
    if (hasTransportError(run, at)) return;
    const pts = ptsOf(run, at);
    if (!this.#program) return;
    if (this.#probe) {
      this.#firstAudio ??= pts;
      const silent =
        !this.#videoSeen && pts !== undefined && tickDifference(pts, this.#firstAudio!) > VIDEO_MISSING_AFTER;
      if (!silent) return;
    }
    const since = offset + at - this.#lastAudioOffset;
    if (this.#lastAudioPoint !== undefined) {
      const apart = pts === undefined ? 0 : Math.abs(tickDifference(pts, this.#lastAudioPoint));
      if (apart < AUDIO_INTERVAL && (pts !== undefined || since < AUDIO_INTERVAL_BYTES)) return;
    }
    this.#lastAudioPoint = pts ?? 0;
    this.#lastAudioOffset = offset + at;
    this.#keepCounters();
    this.#report(offset + at, pts);
  }

  /** Before a packet that may turn out to be an access point is counted. */
  #keepCounters(): void {
    for (let i = 0; i < this.#told.length; i++) this.#countersAtStart[i] = this.#counters[this.#told[i]!]!;
  }

  #report(offset: number, pts: number | undefined, tables = this.#tracker.tables): void {
    if (!tables) return;
    const continuity = new Map<number, number>();
    for (const [i, pid] of this.#told.entries()) {
      const counter = this.#countersAtStart[i]!;
      if (counter !== 0) continuity.set(pid, counter & 0x0f);
    }
    const point = { offset, tables, continuity };
    this.#events.onAccessPoint?.(pts === undefined ? point : { ...point, pts });
  }
}
