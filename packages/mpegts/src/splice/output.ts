import { mainStream } from '../psi/main-stream.ts';
import { TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';
import { TsScanner } from '../ts-scanner.ts';
import type { AccessPoint, ProgramMap } from '../types.ts';
import { Timeline } from './timeline.ts';

/** A place in the output where two pieces of media were joined. */
export interface Seam {
  /** `source`: another source goes on. `jump`: the same one, after a jump of its clock. */
  readonly reason: 'source' | 'jump';
  /** Media time between the last picture before and the first after, in ms. */
  readonly gapMs: number;
}

/** What a ring needs to know about a run of the output. Offsets are absolute, in bytes of the output. */
export interface OutputMarks {
  /** Of the first byte of the run. */
  readonly offset: number;
  /** Where decoders can start, in order; some may lie in an earlier run (a keyframe is known once its first packets are). */
  readonly accessPoints: readonly AccessPoint[];
  /** The program map, where it became known or changed in this run: access points before that are void. */
  readonly program?: ProgramMap;
  /** The last PCR base since the last seam (90 kHz, 33 bits); for a program without PCR the last DTS of its main stream. */
  readonly pcr?: number;
  /** This run begins behind a seam. */
  readonly seam?: Seam;
}

/** Packets are whole and valid until the call returns. */
export type EmitPackets = (packets: Buffer, marks: OutputMarks) => void;

/** Until its program is known the output advances by this much at a time, so that little goes by untimed. */
const CAUTIOUS_BYTES = 16 * 188;

/** A program whose main stream has gone on for so long without a PCR has none. */
const WITHOUT_PCR_AFTER = TICKS_PER_SECOND;

/** The one output of a splicer: knows what has gone out, and tells access points and program maps along with it. */
export class SplicedOutput {
  readonly timeline: Timeline;
  readonly scanner: TsScanner;
  #offset: number;
  readonly #emit: EmitPackets;
  #points: AccessPoint[] = [];
  #program: ProgramMap | undefined;
  #isJoinable = false;
  #hasPcr = false;
  #firstDts: number | undefined;

  constructor(emit: EmitPackets, smoothJumps: boolean, offset = 0) {
    this.#emit = emit;
    this.#offset = offset;
    this.timeline = new Timeline(smoothJumps);
    this.scanner = new TsScanner({
      onProgram: (map) => {
        this.#program = map;
        this.#points = [];
        this.timeline.mainPid = mainStream(map)?.pid ?? -1;
        this.timeline.pcrPid = map.pcrPid;
      },
      onAccessPoint: (point) => {
        this.#points.push(point);
        this.#isJoinable = true;
      },
    });
  }

  /** Absolute offset after the last byte that went out. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether a viewer can have started anywhere. */
  get isJoinable(): boolean {
    return this.#isJoinable;
  }

  /** How many bytes to follow at a time. */
  get stride(): number {
    return this.scanner.program ? Number.POSITIVE_INFINITY : CAUTIOUS_BYTES;
  }

  write(packets: Buffer, nowMs: number, seam?: Seam): void {
    const offset = this.#offset;
    this.#points = [];
    this.#program = undefined;
    this.scanner.scan(packets, offset);
    this.#offset += packets.length;
    this.timeline.notePace(nowMs);
    const pcr = this.#clock();
    this.#emit(packets, {
      offset,
      accessPoints: this.#points,
      ...(this.#program ? { program: this.#program } : {}),
      ...(pcr === undefined ? {} : { pcr }),
      ...(seam ? { seam } : {}),
    });
  }

  /** At the beginning and behind a seam the first PCR may be still to come: a DTS in its place would be ahead of it. */
  #clock(): number | undefined {
    const { pcr, mainDts } = this.timeline;
    this.#hasPcr ||= pcr !== undefined;
    if (this.#hasPcr || mainDts === undefined) return pcr;
    this.#firstDts ??= mainDts;
    return tickDifference(mainDts, this.#firstDts) > WITHOUT_PCR_AFTER ? mainDts : undefined;
  }
}
