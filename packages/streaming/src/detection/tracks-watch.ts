import { StreampoolError } from '@streampool/errors';
import type { ProgramMap } from '@streampool/mpegts';
import type { DetectionSettings } from './detection-settings.ts';

const PACKET_SIZE = 188;
const PID_COUNT = 0x2000;

/** Once both kinds were seen, packets are not looked at again before this much time has passed. */
const LOOK_MS = 250;
/** A longer time between two looks (the source stalled) counts as this much silence at the most. */
const LONGEST_LOOK_MS = 1_000;
/** Looks in a row with packets that make a track a steady one: a radio's picture that comes now and then is none. */
const STEADY_LOOKS = 12;
/** A map without a kind that was steady is believed after this long: multiplexers that restart first send a map of little. */
const GONE_MS = 1_000;

const AUDIO = 1;
const VIDEO = 2;
const BOTH = AUDIO | VIDEO;

interface Track {
  readonly bit: number;
  readonly name: 'audio' | 'video';
  /** Looks in a row that saw packets of it. */
  seenLooks: number;
  isSteady: boolean;
  /** How long the other kind has gone on alone. */
  silentMs: number;
}

/**
 * A source of audio and video that has gone on with only one of them: the program map lists none of the other kind any
 * more, or all its PIDs are silent. A kind that never came steadily is not missed.
 */
export class TracksWatch {
  readonly #limitMs: number;
  /** Which kind a PID carries: 0 for neither. */
  readonly #kinds = new Uint8Array(PID_COUNT);
  readonly #tracks: readonly Track[] = [
    { bit: AUDIO, name: 'audio', seenLooks: 0, isSteady: false, silentMs: 0 },
    { bit: VIDEO, name: 'video', seenLooks: 0, isSteady: false, silentMs: 0 },
  ];
  #listed = 0;
  #seen = 0;
  #lookStartMs: number | undefined;

  constructor({ trackLostMs }: Pick<DetectionSettings, 'trackLostMs'>) {
    this.#limitMs = trackLostMs;
  }

  /** The program map in force from here on. */
  program(map: ProgramMap): void {
    this.#kinds.fill(0);
    this.#listed = 0;
    for (const { pid, kind } of map.streams) {
      if (kind !== 'audio' && kind !== 'video') continue;
      this.#kinds[pid] = kind === 'audio' ? AUDIO : VIDEO;
      this.#listed |= this.#kinds[pid]!;
    }
  }

  /** Takes whole packets. Returns SOURCE_TRACK_LOST while a kind is missing. */
  push(run: Buffer, nowMs: number): StreampoolError | undefined {
    if (this.#limitMs <= 0) return undefined;
    this.#lookStartMs ??= nowMs;
    if (this.#seen !== BOTH) this.#seen |= this.#kindsIn(run);
    const elapsedMs = nowMs - this.#lookStartMs;
    if (elapsedMs < LOOK_MS) return undefined;
    const seen = this.#seen;
    this.#seen = 0;
    this.#lookStartMs = nowMs;
    let verdict: StreampoolError | undefined;
    for (const track of this.#tracks)
      verdict = this.#judge(track, seen, Math.min(elapsedMs, LONGEST_LOOK_MS)) ?? verdict;
    return verdict;
  }

  #judge(track: Track, seen: number, elapsedMs: number): StreampoolError | undefined {
    if ((seen & track.bit) !== 0) {
      track.seenLooks += 1;
      track.isSteady ||= track.seenLooks >= STEADY_LOOKS;
      track.silentMs = 0;
      return undefined;
    }
    // When nothing comes at all, the source has stalled: that is somebody else's to judge, and no time of silence.
    if (seen === 0) return undefined;
    track.seenLooks = 0;
    if (!track.isSteady) return undefined;
    track.silentMs += elapsedMs;
    const isListed = (this.#listed & track.bit) !== 0;
    const limitMs = isListed ? this.#limitMs : Math.min(this.#limitMs, GONE_MS);
    if (track.silentMs < limitMs) return undefined;
    const what = isListed
      ? `sends no ${track.name} for ${Math.round(track.silentMs / 1_000)} s`
      : `no longer has ${track.name}`;
    return new StreampoolError('SOURCE_TRACK_LOST', `the source ${what}`, {
      info: { track: track.name, listed: isListed },
    });
  }

  #kindsIn(run: Buffer): number {
    let seen = 0;
    for (let at = 0; at < run.length && seen !== BOTH; at += PACKET_SIZE) {
      const kind = this.#kinds[((run[at + 1]! & 0x1f) << 8) | run[at + 2]!]!;
      // A packet without payload carries the clock on, not the track.
      if (kind !== 0 && (run[at + 3]! & 0x10) !== 0) seen |= kind;
    }
    return seen;
  }
}
