import { readStamp } from '../fixtures/stamps.ts';
import {
  adaptationLength,
  hasPayload,
  isRandomAccess,
  NULL_PID,
  PACKET,
  payloadAt,
  pcrAt,
  pidAt,
  readPcrBase,
  readTimestamp,
  startsUnit,
  TIMESTAMP_RANGE,
  timestampsAt,
} from '../fixtures/ts-fields.ts';
import { looksLikeKeyframe } from './keyframe.ts';

interface PidState {
  /** Last continuity counter, -1 before the first. */
  counter: number;
  /** Last DTS (PTS where there is none), and last PCR base; -1 before the first. */
  dts: number;
  pcr: number;
  kind: 'video' | 'audio' | 'other';
  streamType: number;
}

/** When and how the first picture (the first sound, in a stream without video) came. */
export interface FirstPicture {
  /** Packets before the one that starts it. */
  readonly packetsBefore: number;
  /** Packets of the same elementary stream before it: a player cannot decode these. */
  readonly undecodable: number;
  readonly pts: number;
}

const KEPT_NOTES = 20;

/**
 * Watches a transport stream as a strict player would: sync bytes, continuity counters, tables before the first
 * picture, timestamps that never go back. Cheap enough for thousands of streams at once. Says nothing about the
 * pictures themselves: a decoder does (see `decodeErrors`).
 */
export class TsCheck {
  packets = 0;
  /** Packets that do not begin with 0x47. After one, bytes are skipped up to the next sync byte. */
  syncErrors = 0;
  /** Counters that do not follow, without a discontinuity_indicator. */
  continuityErrors = 0;
  /** Packets with discontinuity_indicator set. */
  discontinuities = 0;
  /** DTS (or PTS) or PCR that went back, without a discontinuity_indicator. */
  timestampErrors = 0;
  /** The greatest step forward of DTS on one PID, in 90 kHz ticks. */
  longestStepTicks = 0;
  firstPicture: FirstPicture | undefined;
  /** How far the stream of the first picture has gone since, in 90 kHz ticks. */
  playedTicks = 0;
  /** Called with the sender's clock of each time stamp in the stream, in ns. */
  onStamp: ((nanoseconds: bigint) => void) | undefined;
  /** Called with the base (90 kHz, 33 bits) of each PCR, and its PID. */
  onPcr: ((base: number, pid: number) => void) | undefined;
  /** The first 20 things that were wrong. */
  readonly notes: string[] = [];
  readonly #pids = new Map<number, PidState>();
  readonly #undecodable = new Map<number, number>();
  #lastPid = -1;
  #last: PidState | undefined;
  #hasPat = false;
  #pmtPid = -1;
  #hasPmt = false;
  #hasVideo = false;
  /** The elementary stream of the first picture. */
  #main: PidState | undefined;
  readonly #carry = Buffer.alloc(PACKET);
  #carried = 0;

  /** True if nothing was wrong so far. */
  get clean(): boolean {
    return this.syncErrors === 0 && this.continuityErrors === 0 && this.timestampErrors === 0;
  }

  /** Takes the next bytes, in any cut. The buffer is not kept. */
  push(data: Buffer): void {
    let at = 0;
    if (this.#carried > 0) {
      at = Math.min(PACKET - this.#carried, data.length);
      data.copy(this.#carry, this.#carried, 0, at);
      this.#carried += at;
      if (this.#carried < PACKET) return;
      this.#carried = 0;
      this.#packet(this.#carry, 0);
    }
    while (at + PACKET <= data.length) {
      if (data[at] === 0x47) {
        this.#packet(data, at);
        at += PACKET;
      } else {
        this.#note('syncErrors', `0x${data[at]!.toString(16)} in place of a sync byte`);
        do at = data.indexOf(0x47, at + 1);
        while (at >= 0 && at + PACKET < data.length && data[at + PACKET] !== 0x47);
        if (at < 0) at = data.length;
      }
    }
    this.#carried = data.copy(this.#carry, 0, at);
  }

  #packet(data: Buffer, at: number): void {
    this.packets += 1;
    if (data[at] !== 0x47) {
      this.#note('syncErrors', 'a packet without its sync byte');
      return;
    }
    const pid = pidAt(data, at);
    if (pid === NULL_PID) return;
    const state = pid === this.#lastPid ? this.#last! : this.#state(pid);
    const flagged = adaptationLength(data, at) > 0 && (data[at + 5]! & 0x80) !== 0;
    if (flagged) this.discontinuities += 1;

    const counter = data[at + 3]! & 0x0f;
    const payload = hasPayload(data, at);
    if (state.counter >= 0 && !flagged) {
      const expected = payload ? (state.counter + 1) & 0x0f : state.counter;
      if (counter !== expected)
        this.#note('continuityErrors', `pid ${pid}: counter ${counter} after ${state.counter}`);
    }
    state.counter = counter;

    const pcr = pcrAt(data, at);
    if (pcr >= 0) {
      const base = readPcrBase(data, pcr);
      if (state.pcr >= 0 && !flagged && step(state.pcr, base) < 0)
        this.#note('timestampErrors', `pid ${pid}: PCR ${base} after ${state.pcr}`);
      state.pcr = base;
      this.onPcr?.(base, pid);
    }
    if (payload && startsUnit(data, at)) this.#unit(data, at, pid, state, flagged);
    else if (!this.firstPicture && state.kind !== 'other') this.#countUndecodable(pid);
  }

  #unit(data: Buffer, at: number, pid: number, state: PidState, flagged: boolean): void {
    if (pid === 0 || pid === this.#pmtPid) {
      this.#tables(data, at, pid);
      return;
    }
    if (this.onStamp && state.kind === 'other') {
      const stamp = readStamp(data, at);
      if (stamp !== undefined) this.onStamp(stamp);
    }
    if (state.kind === 'other') return;
    const fields = timestampsAt(data, payloadAt(data, at));
    if (fields.length > 0) {
      const dts = readTimestamp(data, fields.at(-1)!);
      if (state.dts >= 0 && !flagged) {
        const forward = step(state.dts, dts);
        if (forward <= 0) this.#note('timestampErrors', `pid ${pid}: DTS ${dts} after ${state.dts}`);
        else {
          this.longestStepTicks = Math.max(this.longestStepTicks, forward);
          if (state === this.#main) this.playedTicks += forward;
        }
      }
      state.dts = dts;
    }
    if (this.firstPicture) return;
    const wanted = this.#hasVideo ? state.kind === 'video' : true;
    const decodable =
      this.#hasPat &&
      this.#hasPmt &&
      wanted &&
      (state.kind === 'audio' ||
        isRandomAccess(data, at) ||
        looksLikeKeyframe(data.subarray(at, at + PACKET), state.streamType));
    if (!decodable) {
      this.#countUndecodable(pid);
      return;
    }
    this.#main = state;
    this.firstPicture = {
      packetsBefore: this.packets - 1,
      undecodable: this.#undecodable.get(pid) ?? 0,
      pts: fields.length > 0 ? readTimestamp(data, fields[0]!) : -1,
    };
  }

  #countUndecodable(pid: number): void {
    this.#undecodable.set(pid, (this.#undecodable.get(pid) ?? 0) + 1);
  }

  #tables(data: Buffer, at: number, pid: number): void {
    const payload = payloadAt(data, at);
    const section = payload + 1 + data[payload]!;
    if (pid === 0) {
      this.#hasPat = true;
      // The first program that is no network table (program_number 0).
      for (let entry = section + 8; entry + 4 <= at + PACKET - 4; entry += 4)
        if (data.readUInt16BE(entry) !== 0) {
          this.#pmtPid = data.readUInt16BE(entry + 2) & 0x1fff;
          return;
        }
      return;
    }
    this.#hasPmt = true;
    const end = Math.min(section + 3 + (data.readUInt16BE(section + 1) & 0x0fff) - 4, at + PACKET);
    let entry = section + 12 + (data.readUInt16BE(section + 10) & 0x0fff);
    while (entry + 5 <= end) {
      const state = this.#state(data.readUInt16BE(entry + 1) & 0x1fff);
      state.streamType = data[entry]!;
      state.kind = kindOf(state.streamType);
      this.#hasVideo ||= state.kind === 'video';
      entry += 5 + (data.readUInt16BE(entry + 3) & 0x0fff);
    }
  }

  #state(pid: number): PidState {
    let state = this.#pids.get(pid);
    if (!state) {
      state = { counter: -1, dts: -1, pcr: -1, kind: 'other', streamType: -1 };
      this.#pids.set(pid, state);
    }
    this.#lastPid = pid;
    this.#last = state;
    return state;
  }

  #note(counter: 'syncErrors' | 'continuityErrors' | 'timestampErrors', note: string): void {
    this[counter] += 1;
    if (this.notes.length < KEPT_NOTES) this.notes.push(`packet ${this.packets}: ${note}`);
  }
}

/** From one timestamp to the next, with the wrap at 2^33: negative is back. */
function step(from: number, to: number): number {
  const difference = (to - from + TIMESTAMP_RANGE) % TIMESTAMP_RANGE;
  return difference > TIMESTAMP_RANGE / 2 ? difference - TIMESTAMP_RANGE : difference;
}

function kindOf(streamType: number): PidState['kind'] {
  if ([0x01, 0x02, 0x10, 0x1b, 0x24].includes(streamType)) return 'video';
  if ([0x03, 0x04, 0x0f, 0x11, 0x81, 0x87].includes(streamType)) return 'audio';
  return 'other';
}
