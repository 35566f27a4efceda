import { buildContinuationPacket } from '../build/packets.ts';
import { buildPatSection, buildPmtSection, packetizeSection } from '../build/sections.ts';
import {
  adaptationFlags,
  continuityOf,
  hasPayload,
  PACKET_SIZE,
  PAT_PID,
  PCR_FLAG,
  PID_COUNT,
  pidOf,
  setContinuity,
  setPid,
  startsUnit,
} from '../packet.ts';
import { findPesTimes, type PesTimes } from '../pes.ts';
import { mainStream } from '../psi/main-stream.ts';
import { ProgramTracker } from '../psi/program-tracker.ts';
import { addTicks, readClockBase, readTimestamp, tickDifference, writeTimestamp } from '../timestamps.ts';
import { shiftClocks, shiftSpliceInfo, stripPayload, stripPcr } from './packet-edit.ts';
import { mapPids, type PidMapping } from './pid-mapping.ts';
import { JUMP_AHEAD, type Timeline } from './timeline.ts';

export interface RewriterOptions {
  readonly timeline: Timeline;
  /** The output's last continuity counter on a PID, -1 if there was none. */
  readonly continuityOf: (pid: number) => number;
  /** Ticks added to every timestamp. */
  readonly shift: number;
  /** The last PCR before the seam: what is not behind it is left out. */
  readonly pcrFloor: number | undefined;
  /** For another source than before: how its program becomes the output's. Else PIDs and tables stay as they are. */
  readonly adoption?: Adoption;
}

export interface Adoption {
  readonly mapping: PidMapping;
  /** version_number of the output's PAT. */
  readonly patVersion: number;
  /** PAT and PMT packets of the source. */
  readonly sourceTables: Buffer;
  /** PTS (the output's) of the picture it starts with; pictures that follow and are shown before cannot be decoded. */
  readonly firstPts: number | undefined;
  /** Whether HEVC video goes on on the PID where there was some. */
  readonly continuesHevc?: boolean;
}

/**
 * end_of_seq_rbsp (ISO/IEC 23008-2 §7.4.2.4.4): the next picture starts anew, even a CRA picture, and may be numbered
 * like one before. The other codecs need no such thing: their access points reset the numbering, or have none.
 */
const HEVC_END_OF_SEQUENCE = Buffer.from([0, 0, 1, 0x48, 0x01]);

/** Per output PID: nothing goes out before a PES packet or section starts; parts of a dropped one do not. */
const WAITING = 0;
const OPEN = 1;
const DROPPING = 2;

const UNSET = 127;

/** Timestamps of audio are rounded to milliseconds by some multiplexers. */
const ROUNDING = 90;

/** Instead of an output PID: a PAT or PMT, which the output has its own of; a packet that is left out. */
const TABLE = -2;
const LEFT_OUT = -1;

/** One copy call per packet would be most of the work; long copies are wasted where packets are left out. */
const COPY_BYTES = 16 * PACKET_SIZE;

/**
 * Turns the packets of a source, from a seam on, into ones that go on where the output stands: PIDs and tables of the
 * output's program, continuity counters that count on, timestamps moved by one shift. PES packets that would go back in
 * time on their PID are dropped until the source has passed the seam; after that the source's own order is kept, and so
 * are gaps in its continuity counters, which tell decoders what was lost.
 */
export class Rewriter {
  readonly shift: number;
  readonly #timeline: Timeline;
  readonly #continuityOf: (pid: number) => number;
  readonly #pcrFloor: number | undefined;
  #pcrPassed = false;

  #mapping: PidMapping | undefined;
  readonly #tracker: ProgramTracker | undefined;
  readonly #patVersion: number;
  #leadingBefore: number | undefined;

  /** Output PID by source PID, or TABLE, or LEFT_OUT. */
  readonly #routes = new Int16Array(PID_COUNT);
  readonly #state = new Uint8Array(PID_COUNT);
  /** What is added to a PID's counter; UNSET: its next packet counts on from the output's last. */
  readonly #delta = new Int8Array(PID_COUNT).fill(UNSET);
  readonly #lastCounter = new Int8Array(PID_COUNT).fill(-1);
  /** PIDs whose times have passed the seam. */
  readonly #passed = new Uint8Array(PID_COUNT);
  readonly #pes: PesTimes = { pts: -1, dts: -1 };
  #out = Buffer.alloc(0);
  #length = 0;
  /** The next packet of the run that has been copied ahead, where it is in #out, and where such packets end. */
  #copiedFrom = 0;
  #copiedTo = 0;
  #copiedEnd = 0;

  constructor(options: RewriterOptions) {
    this.shift = options.shift;
    this.#timeline = options.timeline;
    this.#continuityOf = options.continuityOf;
    this.#pcrFloor = options.pcrFloor;
    this.#patVersion = options.adoption?.patVersion ?? 0;
    if (!options.adoption) {
      this.#state.fill(OPEN);
      for (let pid = 0; pid < PID_COUNT; pid++) this.#routes[pid] = pid;
      return;
    }
    const { mapping, sourceTables, firstPts } = options.adoption;
    this.#leadingBefore = firstPts;
    this.#tracker = new ProgramTracker();
    for (let at = 0; at < sourceTables.length; at += PACKET_SIZE) {
      this.#tracker.push(sourceTables, at, pidOf(sourceTables, at));
    }
    this.#adopt(mapping);
    if (options.adoption.continuesHevc) this.#writeEndOfSequence(this.#timeline.mainPid);
    this.#writeSection(PAT_PID, buildPatSection(mapping.map, this.#patVersion));
    this.#writeSection(mapping.map.pmtPid, buildPmtSection(mapping.map));
  }

  /** The source's PID of what goes out on `pid`, -1 if there is none. */
  sourcePidOf(pid: number): number {
    return this.#mapping ? this.#mapping.pids.indexOf(pid) : pid;
  }

  /**
   * Rewrites packets of `run` from `from` on into the output. Returns the offset of the first one whose clock seems to
   * have jumped (see `Timeline.suspect`), or the length of `run`.
   */
  rewrite(run: Buffer, from: number): number {
    this.#copiedEnd = 0;
    const routes = this.#routes;
    for (let at = from; at < run.length; at += PACKET_SIZE) {
      const pid = pidOf(run, at);
      const out = routes[pid]!;
      if (out === TABLE) this.#onTable(run, at, pid);
      else if (out !== LEFT_OUT && !this.#goesOn(run, at, out) && !this.#onPacket(run, at, out)) return at;
    }
    return run.length;
  }

  /** What was written since the last call; valid until the next `rewrite`. */
  takeOutput(): Buffer {
    const packets = this.#out.subarray(0, this.#length);
    this.#length = 0;
    return packets;
  }

  /** The source with another shift, after a jump of its clock. */
  reshifted(shift: number, pcrFloor: number | undefined): Rewriter {
    const next = new Rewriter({
      timeline: this.#timeline,
      continuityOf: this.#continuityOf,
      shift,
      pcrFloor,
      ...(this.#mapping && this.#tracker?.tables
        ? {
            adoption: {
              mapping: this.#mapping,
              patVersion: this.#patVersion,
              sourceTables: this.#tracker.tables,
              firstPts: undefined,
            },
          }
        : {}),
    });
    next.#state.set(this.#state);
    return next;
  }

  /** The hot path: a packet with nothing but payload, in the middle of a PES packet that goes out. */
  #goesOn(run: Buffer, at: number, out: number): boolean {
    const high = run[at + 1]!;
    const control = run[at + 3]!;
    const delta = this.#delta[out]!;
    if ((high & 0x40) !== 0 || (control & 0x30) !== 0x10 || delta === UNSET) return false;
    if (this.#state[out] !== OPEN) return false;
    const to = this.#copy(run, at);
    const data = this.#out;
    const counter = (control + delta) & 0x0f;
    data[to + 1] = (high & 0xe0) | (out >> 8);
    data[to + 2] = out & 0xff;
    data[to + 3] = (control & 0xf0) | counter;
    this.#lastCounter[out] = counter;
    return true;
  }

  #onTable(run: Buffer, at: number, pid: number): void {
    const tracker = this.#tracker!;
    const before = tracker.program;
    tracker.push(run, at, pid);
    const program = tracker.program;
    const changed = program !== undefined && program !== before;
    if (changed) this.#adopt(mapPids(this.#mapping!.map, program));
    else for (const pid of tracker.pids) this.#routes[pid] = TABLE;
    const map = this.#mapping!.map;
    if (pid === PAT_PID && startsUnit(run, at)) {
      this.#writeSection(PAT_PID, buildPatSection(map, this.#patVersion));
    } else if (changed || (pid === program?.pmtPid && startsUnit(run, at))) {
      this.#writeSection(map.pmtPid, buildPmtSection(map));
    }
  }

  #adopt(mapping: PidMapping): void {
    const before = this.#mapping;
    this.#mapping = mapping;
    this.#delta.fill(UNSET);
    for (let pid = 0; pid < PID_COUNT; pid++) {
      const out = mapping.pids[pid]!;
      if (out >= 0 && before?.pids[pid] !== out) this.#state[out] = WAITING;
    }
    this.#routes.set(mapping.pids);
    for (const pid of this.#tracker?.pids ?? []) this.#routes[pid] = TABLE;
    this.#timeline.mainPid = mainStream(mapping.map)?.pid ?? -1;
    this.#timeline.pcrPid = mapping.map.pcrPid;
  }

  /** Returns false if this packet's clock seems to have jumped; nothing has been done then. */
  #onPacket(run: Buffer, at: number, out: number): boolean {
    const timeline = this.#timeline;
    const hasPcr = (adaptationFlags(run, at) & PCR_FLAG) !== 0;
    const isClock = hasPcr && out === timeline.pcrPid;
    if (isClock && timeline.suspectsPcr(addTicks(readClockBase(run, at + 6), this.shift))) return false;
    const starts = startsUnit(run, at);
    const pes = this.#pes;
    const times = starts ? findPesTimes(run, at, pes) : 'none';
    let pts = 0;
    let dts = 0;
    if (times === 'found') {
      pts = addTicks(readTimestamp(run, pes.pts), this.shift);
      dts = pes.dts < 0 ? pts : addTicks(readTimestamp(run, pes.dts), this.shift);
      if (timeline.suspectsPes(out, dts)) return false;
    }

    if (starts) {
      if (times === 'found') this.#state[out] = this.#mayGoOut(out, dts, pts) ? OPEN : DROPPING;
      else if (times === 'split') this.#state[out] = DROPPING;
      else if (this.#state[out] === WAITING) this.#state[out] = OPEN;
    }
    const open = this.#state[out] === OPEN;
    if (!open) {
      this.#delta[out] = UNSET;
      if (!isClock) return true;
    }
    const to = this.#copy(run, at);
    const data = this.#out;
    if (!open) stripPayload(data, to);
    setPid(data, to, out);
    this.#count(data, to, out);
    if (hasPcr) {
      const pcr = shiftClocks(data, to, this.shift);
      if (isClock && pcr !== undefined) {
        if (this.#pcrMayGoOut(pcr)) timeline.pcr = pcr;
        else stripPcr(data, to);
      }
    }
    if (open && times === 'found') {
      writeTimestamp(data, to + pes.pts - at, pts);
      if (pes.dts >= 0) writeTimestamp(data, to + pes.dts - at, dts);
      timeline.notePes(out, dts, pts);
    } else if (open && starts) {
      shiftSpliceInfo(data, to, this.shift);
    }
    return true;
  }

  /** Whether a PES packet is behind what went out on its PID before the seam. */
  #mayGoOut(out: number, dts: number, pts: number): boolean {
    if (out === this.#timeline.mainPid && this.#leadingBefore !== undefined) {
      const later = tickDifference(pts, this.#leadingBefore);
      if (later < 0) return false;
      if (later > 0) this.#leadingBefore = undefined;
    }
    if (this.#passed[out] === 0) {
      const end = this.#timeline.endOf(out);
      const overlap = end === undefined ? 0 : tickDifference(end, dts);
      // A stream that was wrongly far ahead must not silence its successor for as long.
      if (overlap > ROUNDING && overlap < JUMP_AHEAD) return false;
      this.#passed[out] = 1;
    }
    return true;
  }

  #pcrMayGoOut(pcr: number): boolean {
    if (this.#pcrPassed || this.#pcrFloor === undefined) return true;
    const step = tickDifference(pcr, this.#pcrFloor);
    this.#pcrPassed = step > 0 || step < -JUMP_AHEAD;
    return this.#pcrPassed;
  }

  /** Gives the packet at `to` its continuity counter: §2.4.3.3, it counts packets with payload. */
  #count(data: Buffer, to: number, out: number): void {
    const counter = continuityOf(data, to);
    const counts = hasPayload(data, to) ? 1 : 0;
    const last = this.#lastCounterOf(out);
    if (this.#delta[out] === UNSET) this.#delta[out] = last < 0 ? 0 : (last + counts - counter) & 0x0f;
    const next = (counter + this.#delta[out]!) & 0x0f;
    setContinuity(data, to, next);
    this.#lastCounter[out] = next;
    // While its PES packet is dropped the counters of the source mean nothing.
    if (this.#state[out] !== OPEN) this.#delta[out] = UNSET;
  }

  #lastCounterOf(out: number): number {
    const own = this.#lastCounter[out]!;
    return own >= 0 ? own : this.#continuityOf(out);
  }

  #writeSection(pid: number, section: Buffer): void {
    const packets = packetizeSection(pid, section, this.#lastCounterOf(pid) + 1);
    const to = this.#reserve(packets.length);
    packets.copy(this.#out, to);
    this.#lastCounter[pid] = continuityOf(packets, packets.length - PACKET_SIZE);
  }

  /** Appends to the access unit that was cut short: a packet that goes on its PES packet. */
  #writeEndOfSequence(pid: number): void {
    const at = this.#reserve(PACKET_SIZE);
    const packet = buildContinuationPacket(pid, this.#lastCounterOf(pid) + 1, HEVC_END_OF_SEQUENCE);
    packet.copy(this.#out, at);
    this.#lastCounter[pid] = continuityOf(packet, 0);
  }

  /** Appends the packet at `at` and returns where it is. Packets that follow each other are copied a few at a time. */
  #copy(run: Buffer, at: number): number {
    const isCopied = at === this.#copiedFrom && this.#length === this.#copiedTo && at < this.#copiedEnd;
    const to = isCopied ? this.#length : this.#reserve(PACKET_SIZE);
    if (isCopied) {
      this.#length += PACKET_SIZE;
    } else {
      this.#copiedEnd = Math.min(at + COPY_BYTES, run.length);
      this.#reserve(this.#copiedEnd - at - PACKET_SIZE);
      run.copy(this.#out, to, at, this.#copiedEnd);
      this.#length = to + PACKET_SIZE;
    }
    this.#copiedFrom = at + PACKET_SIZE;
    this.#copiedTo = this.#length;
    return to;
  }

  #reserve(size: number): number {
    const at = this.#length;
    if (at + size > this.#out.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(64 * PACKET_SIZE, 2 * (at + size)));
      this.#out.copy(grown, 0, 0, at);
      this.#out = grown;
    }
    this.#length = at + size;
    return at;
  }
}
