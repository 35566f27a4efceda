import { buildPatSection, packetizeSection } from '../build/sections.ts';
import { PACKET_SIZE, PAT_PID, pidOf, setContinuity } from '../packet.ts';
import { mainStream, mainVideo } from '../psi/main-stream.ts';
import { parseProgramAssociation } from '../psi/program-association.ts';
import { SectionAssembler } from '../psi/section-assembler.ts';
import { addTicks, TICKS_PER_SECOND, tickDifference } from '../timestamps.ts';
import type { ProgramMap } from '../types.ts';
import { findFirstTimes } from './first-times.ts';
import type { Seam, SplicedOutput } from './output.ts';
import { mapPids } from './pid-mapping.ts';
import { Rewriter } from './rewriter.ts';
import type { FirstTimes } from './timeline.ts';

/** The most that is held back while a suspected jump of the clock waits for the picture that proves it. */
const SUSPENSE_BYTES = 1024 * 1024;

/** What another source brings along when it takes over. */
export interface NewSource {
  readonly program: ProgramMap;
  /** Its PAT and PMT packets. */
  readonly tables: Buffer;
  /** Its packets from an access point on. */
  readonly packets: Buffer;
}

/** The way of the source in use to the output: untouched at first, rewritten after a seam. */
export class ActivePath {
  readonly #output: SplicedOutput;
  readonly #now: () => number;
  #rewriter: Rewriter | undefined;
  #seam: Seam | undefined;
  readonly #suspense: Buffer[] = [];
  #suspenseBytes = 0;

  constructor(output: SplicedOutput, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  /** Goes on with another source where the output stands. */
  adopt(source: NewSource): void {
    const { timeline, scanner } = this.#output;
    const established = scanner.program;
    if (!established) throw new RangeError('there is no output to go on with');
    const mapping = mapPids(established, source.program);
    const mainPid = mapping.pids.indexOf(mainStream(mapping.map)?.pid ?? -1);
    const first = findFirstTimes(source.packets, mainPid, source.program.pcrPid);
    const now = this.#now();
    const shift = first ? timeline.anchor(first, now) : 0;
    const pcrFloor = timeline.pcr;
    if (first) this.#rejoin('source', shifted(first, shift));
    this.#rewriter = new Rewriter({
      timeline,
      continuityOf: (pid) => scanner.continuityOf(pid),
      shift,
      pcrFloor,
      adoption: {
        mapping,
        patVersion: nextPatVersion(mapping.map, scanner.tables),
        sourceTables: source.tables,
        firstPts: first && addTicks(first.pts, shift),
        continuesHevc: continuesHevc(established, mapping.map),
      },
    });
    this.push(source.packets);
  }

  /** Takes whole packets of the source. */
  push(run: Buffer): void {
    if (this.#suspense.length === 0) {
      this.#pass(run);
      return;
    }
    this.#hold(run);
    const held = Buffer.concat(this.#suspense);
    if (!this.#settle(held)) return;
    this.#suspense.length = 0;
    this.#suspenseBytes = 0;
    this.#pass(held);
  }

  #pass(run: Buffer): void {
    const { timeline } = this.#output;
    for (let from = 0; from < run.length; ) {
      const end = Math.min(run.length, from + this.#output.stride);
      const part = end === run.length ? run : run.subarray(0, end);
      const to = this.#rewriter ? this.#rewriter.rewrite(part, from) : timeline.follow(part, from);
      const packets = this.#rewriter ? this.#rewriter.takeOutput() : run.subarray(from, to);
      if (packets.length > 0) {
        this.#output.write(packets, this.#now(), this.#seam);
        this.#seam = undefined;
      }
      from = to;
      if (to < end && !this.#settle(run.subarray(to))) {
        this.#hold(run.subarray(to));
        return;
      }
    }
  }

  #hold(run: Buffer): void {
    this.#suspense.push(Buffer.from(run));
    this.#suspenseBytes += run.length;
  }

  /**
   * Decides by the next two pictures whether the clock has jumped where it is suspected; if so, moves what follows so that
   * it goes on where the output stands. False: they are still to come.
   */
  #settle(rest: Buffer): boolean {
    const { timeline, scanner } = this.#output;
    const sourcePid = (pid: number) => this.#rewriter?.sourcePidOf(pid) ?? pid;
    const own = findFirstTimes(rest, sourcePid(timeline.mainPid), sourcePid(timeline.pcrPid));
    const mayWait = rest.length < SUSPENSE_BYTES;
    if (!own && mayWait) return false;
    const former = this.#rewriter?.shift ?? 0;
    const first = own && shifted(own, former);
    const now = this.#now();
    if (!first || !timeline.hasJumpedTo(first.dts, first.nextDts, now)) {
      timeline.dismissSuspect();
      return true;
    }
    if (first.nextDts === undefined && mayWait) return false;
    const correction = timeline.anchor(first, now);
    const pcrFloor = timeline.pcr;
    this.#rejoin('jump', shifted(first, correction));
    const shift = former + correction;
    this.#rewriter =
      this.#rewriter?.reshifted(shift, pcrFloor) ??
      new Rewriter({ timeline, continuityOf: (pid) => scanner.continuityOf(pid), shift, pcrFloor });
    return true;
  }

  #rejoin(reason: Seam['reason'], first: FirstTimes): void {
    const { timeline } = this.#output;
    const gap = timeline.mainDts === undefined ? 0 : tickDifference(first.dts, timeline.mainDts);
    this.#seam = { reason, gapMs: Math.round((gap * 1000) / TICKS_PER_SECOND) };
    timeline.rejoin(first);
  }
}

function shifted(times: FirstTimes, ticks: number): FirstTimes {
  const { pcr, nextDts } = times;
  return {
    dts: addTicks(times.dts, ticks),
    pts: addTicks(times.pts, ticks),
    ...(pcr === undefined ? {} : { pcr: addTicks(pcr, ticks) }),
    ...(nextDts === undefined ? {} : { nextDts: addTicks(nextDts, ticks) }),
  };
}

function continuesHevc(before: ProgramMap, after: ProgramMap): boolean {
  const video = mainVideo(before);
  const next = mainVideo(after);
  return video?.codec === 'hevc' && next?.codec === 'hevc' && video.pid === next.pid;
}

/** The version of the PAT that went out, if a PAT with this program alone says the same, else the next. */
function nextPatVersion(map: ProgramMap, tables: Buffer | undefined): number {
  if (!tables) return 0;
  let version = 0;
  const pat = new SectionAssembler((section) => {
    version = parseProgramAssociation(section)?.version ?? version;
  });
  let length = 0;
  for (; length < tables.length && pidOf(tables, length) === PAT_PID; length += PACKET_SIZE) {
    pat.push(tables, length);
  }
  const same = packetizeSection(PAT_PID, buildPatSection(map, version));
  const known = Buffer.from(tables.subarray(0, length));
  for (let at = 0; at < known.length; at += PACKET_SIZE) setContinuity(known, at, at / PACKET_SIZE);
  return known.equals(same) ? version : (version + 1) & 0x1f;
}
