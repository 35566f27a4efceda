import { type AccessPoint, mainStream, PAT_PID, type ProgramMap } from '@streampool/mpegts';
import type { TapRun } from '@streampool/streaming';
import { cutsAt, partTarget } from './cut-rules.ts';
import { MediaClock } from './media-clock.ts';
import { SegmentBytes, TableCounters } from './segment-bytes.ts';
import { type Unit, unitsIn } from './units.ts';

export interface CutPart {
  /** In the segment's bytes. */
  readonly from: number;
  readonly to: number;
  readonly durationMs: number;
  readonly independent: boolean;
}

/** A segment that grows. */
export interface OpenSegment {
  /** Begins with a keyframe. */
  readonly independent: boolean;
  /** What is before it was coded or timed otherwise. */
  readonly discontinuity: boolean;
  /** Its complete parts. */
  readonly parts: readonly CutPart[];
  /** The bytes of a complete part. Stays valid. */
  bytesOf(part: CutPart): Buffer;
}

/** A complete one: PAT, PMT, then whole PES packets. */
export interface CutSegment extends OpenSegment {
  readonly durationMs: number;
  readonly bytes: Buffer;
}

export interface CutterOptions {
  readonly segmentMs: number;
  readonly partMs: number;
  /** No segment is longer, ms. May change once, before any segment has been shown to anybody. */
  readonly limitMs: () => number;
  /** Somebody waits for the first picture. */
  readonly hurried: () => boolean;
  readonly onOpened: (segment: OpenSegment) => void;
  /** The open segment has one more complete part. */
  readonly onPart: () => void;
  readonly onClosed: (segment: CutSegment) => void;
}

/** GOPs that are looked at. */
const GOPS = 16;

/** A place where something may end. */
interface Mark {
  readonly offset: number;
  readonly unit?: Unit;
  readonly point?: AccessPoint;
}

interface Growing extends OpenSegment {
  readonly parts: CutPart[];
  readonly bytes: SegmentBytes;
  readonly hasParts: boolean;
  /** Presentation time of its first picture, and decoding time of the same. */
  readonly startMs: number;
  readonly startDtsMs: number;
  /** The latest presentation time in it. */
  shownMs: number;
  partFrom: number;
  partDtsMs: number;
  partIndependent: boolean;
}

/** Bytes since the last unit, while it is not known whether it is a keyframe; in the open segment where there is one. */
interface Candidate {
  readonly unit: Unit;
  readonly dtsMs: number;
  readonly bytes: SegmentBytes;
  readonly position: number;
}

/**
 * Cuts a stream into segments at keyframes, and those into parts at pictures. Pure: time is the stream's own.
 *
 * Where keyframes are further apart than a segment may be long, one ends at a picture; where another source goes out, or
 * the stream's clock leaps, it ends with what came last and the next one begins with the next keyframe, as a discontinuity.
 */
export class SegmentCutter {
  readonly #options: CutterOptions;
  readonly #counters = new TableCounters();
  readonly #clock = new MediaClock();
  #program: ProgramMap | undefined;
  #mainPid = -1;
  #tables: Buffer = Buffer.alloc(0);
  #open: Growing | undefined;
  #candidate: Candidate | undefined;
  #isBroken = false;
  #expectedBytes = 0;
  #lastPointMs: number | undefined;
  #gops: number[] = [];
  #longestMs = 0;
  #partTargetMs: number | undefined;

  constructor(options: CutterOptions) {
    this.#options = options;
  }

  /** No part is longer, ms; undefined until the first segment is complete. */
  get partTargetMs(): number | undefined {
    return this.#partTargetMs;
  }

  /** From one keyframe to the next, the longest of late, ms; 0 if there were no two. */
  get gopMs(): number {
    return Math.max(0, ...this.#gops);
  }

  /** The longest segment so far, ms. */
  get longestMs(): number {
    return this.#longestMs;
  }

  get open(): OpenSegment | undefined {
    return this.#open;
  }

  /** How much of the open segment has come, ms. */
  get openMs(): number {
    return this.#open ? this.#shownMs(this.#open) : 0;
  }

  run(run: TapRun): void {
    const { packets, offset, program, splice } = run;
    if (splice || (program && this.#program)) this.#breakOff();
    if (program) this.#setProgram(program);
    let at = 0;
    for (const mark of marksIn(run, unitsIn(packets, offset, this.#mainPid))) {
      const to = mark.offset - offset;
      if (to > at) {
        this.#append(packets, at, to);
        at = to;
      }
      if (mark.point) this.#onPoint(mark.point, mark.unit, to < 0);
      else if (mark.unit) this.#onUnit(mark.unit);
    }
    this.#append(packets, at, packets.length);
  }

  /** No more will come. */
  end(): void {
    this.#breakOff();
  }

  #setProgram(program: ProgramMap): void {
    this.#program = program;
    this.#mainPid = mainStream(program)?.pid ?? -1;
    this.#counters.follow([PAT_PID, program.pmtPid]);
  }

  #append(packets: Buffer, from: number, to: number): void {
    if (to > from) (this.#open ?? this.#candidate)?.bytes.append(packets, from, to);
  }

  #onPoint(point: AccessPoint, unit: Unit | undefined, late: boolean): void {
    const candidate = late && this.#candidate?.unit.offset === point.offset ? this.#candidate : undefined;
    if (late && !candidate) return;
    const known = unit ?? candidate?.unit;
    const pts = point.pts ?? known?.pts;
    if (pts === undefined) return;
    const ptsMs = this.#clock.ms(pts);
    const dtsMs = candidate?.dtsMs ?? (known ? this.#clock.ms(known.dts) : ptsMs);
    this.#tables = point.tables;
    const open = this.#open;
    if (open && this.#goesOn(open, ptsMs)) {
      if (unit) this.#onUnit(unit, true);
      return;
    }
    this.#candidate = undefined;
    const tail = candidate && (open ? open.bytes.split(candidate.position) : candidate.bytes.finish());
    if (open) this.#endAt(open, ptsMs);
    this.#start({ ptsMs, dtsMs, independent: true, ...(tail && { tail }) });
    this.#lastPointMs = ptsMs;
    if (unit) this.#note(unit, dtsMs);
  }

  /** Whether the open segment holds more than the GOP that ends here. */
  #goesOn(open: Growing, pointMs: number): boolean {
    const { segmentMs, limitMs, hurried } = this.#options;
    const elapsedMs = pointMs - open.startMs;
    if (this.#leaps(elapsedMs)) return false;
    if (this.#lastPointMs !== undefined && pointMs > this.#lastPointMs)
      this.#gops = [...this.#gops.slice(1 - GOPS), pointMs - this.#lastPointMs];
    this.#lastPointMs = pointMs;
    const { gopMs } = this;
    return !cutsAt({ elapsedMs, segmentMs, limitMs: limitMs(), gopMs, hurried: hurried() });
  }

  #leaps(elapsedMs: number): boolean {
    return elapsedMs <= 0 || elapsedMs > this.#options.limitMs();
  }

  #endAt(open: Growing, pointMs: number): void {
    const elapsedMs = pointMs - open.startMs;
    if (this.#leaps(elapsedMs)) this.#breakOff();
    else this.#close(elapsedMs);
  }

  #onUnit(unit: Unit, isKey = false): void {
    const dtsMs = this.#clock.ms(unit.dts);
    const open = this.#open;
    if (open) {
      const elapsedMs = dtsMs - open.startDtsMs;
      const limitMs = this.#options.limitMs();
      if (elapsedMs < 0 || elapsedMs > limitMs) this.#breakOff();
      else if (!isKey && elapsedMs + this.#clock.stepMs > limitMs) {
        this.#close(elapsedMs);
        this.#start({ ptsMs: open.startMs + elapsedMs, dtsMs, independent: false });
      } else this.#cutPart(open, dtsMs, isKey);
    }
    this.#note(unit, dtsMs);
  }

  /** What may turn out to be a keyframe later. */
  #note(unit: Unit, dtsMs: number): void {
    const open = this.#open;
    this.#clock.step(dtsMs);
    if (open) open.shownMs = Math.max(open.shownMs, this.#clock.ms(unit.pts));
    const bytes = open?.bytes ?? new SegmentBytes(this.#counters, 0);
    this.#candidate = { unit, dtsMs, bytes, position: bytes.length };
  }

  #start(begin: { ptsMs: number; dtsMs: number; independent: boolean; tail?: Buffer }): void {
    const { ptsMs, dtsMs, independent, tail } = begin;
    const bytes = new SegmentBytes(this.#counters, this.#expectedBytes);
    bytes.append(this.#tables);
    if (tail) bytes.append(tail);
    const segment: Growing = {
      independent,
      discontinuity: this.#isBroken,
      parts: [],
      bytes,
      bytesOf: ({ from, to }) => bytes.view(from, to),
      hasParts: this.#partTargetMs !== undefined,
      startMs: ptsMs,
      startDtsMs: dtsMs,
      shownMs: ptsMs,
      partFrom: 0,
      partDtsMs: dtsMs,
      partIndependent: independent,
    };
    this.#isBroken = false;
    this.#open = segment;
    this.#options.onOpened(segment);
  }

  /** Before a unit: so far whole pictures. */
  #cutPart(open: Growing, dtsMs: number, isKey: boolean): void {
    const target = this.#partTargetMs;
    if (target === undefined || !open.hasParts) return;
    const elapsedMs = dtsMs - open.partDtsMs;
    if (elapsedMs <= 0 || elapsedMs + this.#clock.stepMs <= target) return;
    this.#addPart(open, elapsedMs);
    open.partDtsMs = dtsMs;
    open.partIndependent = isKey;
    this.#options.onPart();
  }

  #addPart(open: Growing, durationMs: number): void {
    const { length } = open.bytes;
    open.parts.push({
      from: open.partFrom,
      to: length,
      durationMs: Math.min(durationMs, this.#partTargetMs!),
      independent: open.partIndependent,
    });
    open.partFrom = length;
  }

  #shownMs(open: Growing): number {
    return open.shownMs + this.#clock.stepMs - open.startMs;
  }

  /** Another source, another program or another time: what comes next has nothing to do with what came before. */
  #breakOff(): void {
    const open = this.#open;
    if (open) this.#close(Math.min(this.#shownMs(open), this.#options.limitMs()));
    this.#candidate = undefined;
    this.#lastPointMs = undefined;
    this.#clock.restart();
    this.#isBroken ||= this.#longestMs > 0;
  }

  #close(durationMs: number): void {
    const open = this.#open!;
    this.#open = undefined;
    if (open.hasParts && open.bytes.length > open.partFrom) {
      const rest = durationMs - open.parts.reduce((sum, part) => sum + part.durationMs, 0);
      this.#addPart(open, Math.max(1, rest));
    }
    this.#partTargetMs ??= partTarget(this.#options.partMs, this.#clock.stepMs);
    this.#longestMs = Math.max(this.#longestMs, durationMs);
    this.#expectedBytes = Math.max(open.bytes.length, Math.round(this.#expectedBytes * 0.95));
    const { independent, discontinuity, parts } = open;
    const bytes = open.bytes.finish();
    this.#options.onClosed({
      ...{ independent, discontinuity, parts, durationMs, bytes },
      bytesOf: ({ from, to }) => bytes.subarray(from, to),
    });
  }
}

/** In the order of the stream. */
function marksIn({ accessPoints }: TapRun, units: readonly Unit[]): Mark[] {
  if (accessPoints.length === 0) return units.map((unit) => ({ offset: unit.offset, unit }));
  const marks = new Map<number, Mark>();
  for (const unit of units) marks.set(unit.offset, { offset: unit.offset, unit });
  for (const point of accessPoints)
    marks.set(point.offset, { ...marks.get(point.offset), offset: point.offset, point });
  return [...marks.values()].sort((a, b) => a.offset - b.offset);
}
