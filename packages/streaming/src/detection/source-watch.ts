import { StreampoolError } from '@streampool/errors';
import { ProgramFinder, type ProgramMap } from '@streampool/mpegts';
import { BitrateFloor } from './bitrate-floor.ts';
import type { DetectionSettings } from './detection-settings.ts';
import { PictureWatch } from './picture/picture-watch.ts';
import type { SampleDecoder } from './sample-decoder.ts';
import { type EncoderFigures, SlowEncoder } from './slow-encoder.ts';
import { SoundWatch } from './sound/sound-watch.ts';
import { type SyncFigures, SyncWatch } from './sync-watch.ts';
import { TracksWatch } from './tracks-watch.ts';

export interface SourceWatchOptions {
  /** Monotonic time in ms. */
  readonly now: () => number;
  /** One for the whole process. Without it picture and sound are not watched. */
  readonly decoder?: Pick<SampleDecoder, 'decode'>;
  /** True: the program map is read from the packets, where nobody tells it by `program()`. */
  readonly findProgram?: boolean;
  /** Called once at the most, and not after `close()`. */
  readonly onFault: (error: StreampoolError) => void;
  readonly random?: () => number;
}

/**
 * All detectors of one source that is being read: made when it opens, closed with it. What it reports is the first
 * fault; what to do about it is the caller's decision.
 *
 * Its time stands still while reading is paused or the source has an excuse (`pause`), so that nobody is blamed for what
 * we did not read.
 */
export class SourceWatch {
  readonly #settings: DetectionSettings;
  readonly #options: SourceWatchOptions;
  readonly #floor: BitrateFloor;
  readonly #encoder: SlowEncoder;
  readonly #pace: SlowEncoder;
  readonly #tracks: TracksWatch;
  readonly #sync: SyncWatch;
  readonly #picture: PictureWatch | undefined;
  readonly #sound: SoundWatch | undefined;
  readonly #finder: ProgramFinder | undefined;
  #pausedAtMs: number | undefined;
  #pausedMs = 0;
  #done = false;

  constructor(settings: DetectionSettings, options: SourceWatchOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#floor = new BitrateFloor(settings);
    this.#encoder = new SlowEncoder(settings);
    this.#pace = new SlowEncoder(settings);
    this.#tracks = new TracksWatch(settings);
    this.#sync = new SyncWatch(settings);
    const { decoder, random, findProgram } = options;
    if (findProgram) this.#finder = new ProgramFinder((map) => this.program(map));
    if (!decoder) return;
    const onFault = (error: StreampoolError): void => this.#report(error);
    if (settings.picture.enabled)
      this.#picture = new PictureWatch(settings.picture, { decoder, onFault, ...(random ? { random } : {}) });
    if (settings.silence.enabled) this.#sound = new SoundWatch(settings.silence, { decoder, onFault });
  }

  /** The program map in force for the packets from here on; to be told again only when it changes. */
  program(map: ProgramMap): void {
    if (this.#done) return;
    this.#tracks.program(map);
    this.#picture?.program(map);
    this.#sound?.program(map);
  }

  /** Whole packets of the source, in order; not kept after the call. */
  packets(run: Buffer): void {
    if (this.#done || run.length === 0) return;
    const nowMs = this.#now();
    this.#finder?.push(run);
    this.#report(this.#floor.push(run, nowMs) ?? this.#tracks.push(run, nowMs));
    if (this.#done) return;
    this.#picture?.push(run, nowMs);
    this.#sound?.push(run, nowMs);
  }

  /** The packet aligner's figures after a chunk. */
  sync(figures: SyncFigures): void {
    if (!this.#done) this.#report(this.#sync.push(figures, this.#now()));
  }

  /** How far the source's own clock has come, in ms, wherever it began. Not judged while paused. */
  pace(mediaMs: number): void {
    if (this.#done || this.#pausedAtMs !== undefined) return;
    const slow = this.#pace.push({ outTimeMs: mediaMs }, this.#now());
    if (!slow) return;
    const seconds = Math.round(this.#settings.slowMs / 1_000);
    const speed = this.#pace.speed?.toFixed(2);
    this.#report(
      new StreampoolError(
        'SOURCE_SLOW',
        `the source has sent ${speed} seconds of programme per second or less for ${seconds} s`,
      ),
    );
  }

  /** FFmpeg's report, where the source is one. Not judged while paused. */
  progress(figures: EncoderFigures): void {
    if (this.#done || this.#pausedAtMs !== undefined) return;
    this.#report(this.#encoder.push(figures, this.#now()));
  }

  /** Time does not count from here on: reading is paused, or FFmpeg's input is being switched. Idempotent. */
  pause(): void {
    this.#pausedAtMs ??= this.#options.now();
  }

  resume(): void {
    if (this.#pausedAtMs === undefined) return;
    this.#pausedMs += this.#options.now() - this.#pausedAtMs;
    this.#pausedAtMs = undefined;
    this.#encoder.reset();
    this.#pace.reset();
  }

  /** Idempotent. Nothing is reported any more; a sample that is being decoded is given up. */
  close(): void {
    this.#done = true;
    this.#picture?.close();
    this.#sound?.close();
  }

  #now(): number {
    return (this.#pausedAtMs ?? this.#options.now()) - this.#pausedMs;
  }

  #report(error: StreampoolError | undefined): void {
    if (!error || this.#done) return;
    this.close();
    this.#options.onFault(error);
  }
}
