import { StreampoolError } from '@streampool/errors';
import type { DetectionSettings } from './detection-settings.ts';

export type SlowEncoderSettings = Pick<DetectionSettings, 'slowSpeed' | 'slowMs'>;

/** FFmpeg's figures, as far as they are judged. */
export interface EncoderFigures {
  /** How far the output's timeline has come, in ms: what the recent speed is measured by. */
  readonly outTimeMs?: number;
  /** Since FFmpeg's start, as FFmpeg averages it: used only where the other is missing, and slow to tell. */
  readonly speed?: number;
}

/** The recent speed is measured over at least this long: FFmpeg reports twice a second, and encoders work in spurts. */
const MEASURE_MS = 5_000;
/** Once slow, it must be this much faster than the threshold to count as recovered. */
const HYSTERESIS = 0.03;
/** A step of the output's timeline this much off the wall clock is a jump of the source's timestamps, not work. */
const JUMP_MS = 10_000;

/**
 * An FFmpeg that has been slower than real time for long. It is measured by how far its output's timeline gets in the
 * last seconds, since FFmpeg's own figure is a mean over its whole life: after hours it hides minutes of slowness.
 */
export class SlowEncoder {
  readonly #settings: SlowEncoderSettings;
  #mark: { atMs: number; outMs: number } | undefined;
  #slowSinceMs: number | undefined;
  /** The recent speed; undefined until it has been measured. */
  speed: number | undefined;

  constructor(settings: SlowEncoderSettings) {
    this.#settings = settings;
  }

  /** Takes a progress report. Returns FFMPEG_SLOW while the encoder has been slow for `slowMs`. */
  push(figures: EncoderFigures, nowMs: number): StreampoolError | undefined {
    const { slowSpeed, slowMs } = this.#settings;
    if (slowSpeed <= 0) return undefined;
    const sinceMs = this.#measure(figures, nowMs);
    const speed = this.speed;
    if (sinceMs === undefined || speed === undefined) return undefined;
    if (speed >= slowSpeed + (this.#slowSinceMs === undefined ? 0 : HYSTERESIS)) {
      this.#slowSinceMs = undefined;
      return undefined;
    }
    this.#slowSinceMs ??= sinceMs;
    if (nowMs - this.#slowSinceMs < slowMs) return undefined;
    return new StreampoolError(
      'FFMPEG_SLOW',
      `FFmpeg has run at ${speed.toFixed(2)} times real time or slower for ${Math.round(slowMs / 1_000)} s`,
      { info: { speed: Math.round(speed * 100) / 100 } },
    );
  }

  /** What came so far says nothing of what comes: FFmpeg had nothing to read, or nobody read from it. */
  reset(): void {
    this.#mark = undefined;
    this.#slowSinceMs = undefined;
    this.speed = undefined;
  }

  /** Measures, where enough time has passed. Returns since when the measured speed holds. */
  #measure({ outTimeMs, speed }: EncoderFigures, nowMs: number): number | undefined {
    if (outTimeMs === undefined) {
      if (speed === undefined) return undefined;
      this.speed = speed;
      return nowMs;
    }
    this.#mark ??= { atMs: nowMs, outMs: outTimeMs };
    const elapsedMs = nowMs - this.#mark.atMs;
    const playedMs = outTimeMs - this.#mark.outMs;
    if (playedMs < 0 || playedMs - elapsedMs > JUMP_MS) {
      this.#mark = { atMs: nowMs, outMs: outTimeMs };
      return undefined;
    }
    if (elapsedMs < MEASURE_MS) return undefined;
    const sinceMs = this.#mark.atMs;
    this.#mark = { atMs: nowMs, outMs: outTimeMs };
    this.speed = playedMs / elapsedMs;
    return sinceMs;
  }
}
