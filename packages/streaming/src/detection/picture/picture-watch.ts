import type { StreampoolError } from '@streampool/errors';
import {
  AccessUnitCollector,
  type ElementaryStream,
  mainVideo,
  type ProgramMap,
  UnitSizes,
} from '@streampool/mpegts';
import type { PictureLooks } from '../detection-settings.ts';
import type { SampleDecoder } from '../sample-decoder.ts';
import { CELLS, pictureSample } from './gray-picture.ts';
import { PictureJudge } from './picture-judge.ts';
import { Stillness } from './stillness.ts';

/** A larger keyframe is not looked at (4K at high rates has some 1 MB). */
const MAX_KEYFRAME_BYTES = 2 * 1024 * 1024;
/** While pictures surely move, samples are this much rarer: only a black that is padded or noisy is found by them. */
const RELAXED = 6;
/** Samples are taken this much early or late, so that a source that repeats itself at the same pace is found out. */
const JITTER = 0.2;

export interface PictureWatchOptions {
  readonly decoder: Pick<SampleDecoder, 'decode'>;
  readonly onFault: (error: StreampoolError) => void;
  readonly random?: () => number;
}

/**
 * Finds a picture that is black or frozen: the sizes of coded pictures say how often to look, one decoded keyframe at a
 * time says what is there. A source without video is never judged.
 */
export class PictureWatch {
  readonly #settings: PictureLooks;
  readonly #options: PictureWatchOptions;
  readonly #stillness = new Stillness();
  readonly #judge: PictureJudge;
  readonly #abort = new AbortController();
  #program: ProgramMap | undefined;
  #video: ElementaryStream | undefined;
  #sizes: UnitSizes | undefined;
  #collector: AccessUnitCollector | undefined;
  #nowMs = 0;
  #lastSampleMs: number | undefined;
  #jitter = 1;
  #decoding = false;
  /** Samples in a row that could not be decoded (a codec FFmpeg lacks, too many streams): asked for ever more rarely. */
  #failures = 0;
  /** Counted up when the video is another's: a sample of the former says nothing of it. */
  #generation = 0;

  constructor(settings: PictureLooks, options: PictureWatchOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#judge = new PictureJudge(settings);
  }

  get #isOff(): boolean {
    const { sampleIntervalMs, blackMs, frozenMs } = this.#settings;
    return sampleIntervalMs <= 0 || (blackMs <= 0 && frozenMs <= 0) || this.#abort.signal.aborted;
  }

  program(map: ProgramMap): void {
    const video = mainVideo(map);
    this.#program = map;
    if (video?.pid === this.#video?.pid && video?.codec === this.#video?.codec) return;
    this.#generation += 1;
    this.#video = video;
    this.#failures = 0;
    this.#collector = undefined;
    this.#stillness.reset();
    this.#judge.reset();
    this.#sizes = video && new UnitSizes(video.pid, (bytes) => this.#stillness.push(bytes, this.#nowMs));
  }

  /** Takes whole packets. */
  push(run: Buffer, nowMs: number): void {
    if (this.#isOff || !this.#video || !this.#sizes) return;
    this.#nowMs = nowMs;
    this.#sizes.push(run);
    if (!this.#collector) {
      if (this.#decoding || !this.#isDue(nowMs)) return;
      this.#collector = new AccessUnitCollector(this.#video, MAX_KEYFRAME_BYTES);
    }
    const unit = this.#collector.push(run);
    if (!unit) return;
    this.#collector = undefined;
    void this.#look(unit, nowMs);
  }

  /** Idempotent. A sample that is being decoded is given up. */
  close(): void {
    this.#abort.abort();
    this.#collector = undefined;
  }

  #isDue(nowMs: number): boolean {
    if (this.#lastSampleMs === undefined) {
      this.#lastSampleMs = nowMs;
      this.#planNext();
    }
    const { sampleIntervalMs } = this.#settings;
    const suspected = this.#judge.confirmationMs;
    const wanted = Math.min(suspected ?? sampleIntervalMs, sampleIntervalMs);
    const isCalm = suspected === undefined && this.#stillness.sinceMs === undefined;
    const slowdown = isCalm ? RELAXED : Math.min(RELAXED, 1 + this.#failures);
    return nowMs - this.#lastSampleMs >= wanted * slowdown * this.#jitter;
  }

  #planNext(): void {
    const random = this.#options.random ?? Math.random;
    this.#jitter = 1 + JITTER * (2 * random() - 1);
  }

  async #look(unit: Buffer, takenMs: number): Promise<void> {
    const generation = this.#generation;
    const { decoder, onFault } = this.#options;
    const stillSinceMs = this.#stillness.sinceMs;
    this.#lastSampleMs = takenMs;
    this.#planNext();
    this.#decoding = true;
    const picture = await decoder.decode(
      pictureSample(this.#program!, this.#video!, unit),
      this.#abort.signal,
    );
    this.#decoding = false;
    if (this.#isOff || generation !== this.#generation) return;
    if (picture?.length !== CELLS) {
      this.#failures += 1;
      return;
    }
    this.#failures = 0;
    const fault = this.#judge.add(picture, takenMs, stillSinceMs);
    if (fault) onFault(fault);
  }
}
