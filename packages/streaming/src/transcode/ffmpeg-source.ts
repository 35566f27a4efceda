import { StreampoolError } from '@streampool/errors';
import { commandLine, FfmpegProcess } from '@streampool/ffmpeg';
import type { Span } from '@streampool/tracing';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ProgrammeTimes } from '../engine-api.ts';
import type { StreamNote } from '../notes.ts';
import type { Source, SourceSink } from '../source.ts';
import { asStreampoolError } from '../upstream-source.ts';
import { EncoderPace } from './encoder-pace.ts';
import { cutToProgramme, hasShown, leftOf } from './programme-cut.ts';
import type { PreparedInput, TranscodeInput } from './transcode-input.ts';

export interface FfmpegSourceOptions {
  readonly ffmpegPath: string;
  /** As `resolveTranscode` gives them, the input still a placeholder. */
  readonly args: readonly string[];
  readonly input: TranscodeInput;
  /** Only this stretch of it. */
  readonly programme?: ProgrammeTimes | undefined;
  /** Which URL to read, where the input is not running already. */
  readonly index: number;
  readonly stopGraceMs: number;
  readonly clock: Clock;
  readonly noted: (note: StreamNote) => void;
  /** For traces: from the start of the process to its first bytes. */
  readonly openSpan?: () => Span;
  readonly log: Logger;
}

/**
 * The chain above judges silence, because it knows whether the input is starved; FFmpeg's own watch is set past any
 * stream's life (the longest timer there is).
 */
const NEVER_MS = 2 ** 31 - 1;

const ENDED_EARLY = { code: 'FFMPEG_ENDED' };

/** One FFmpeg process as a source: reads the prepared input, puts out MPEG-TS. */
export class FfmpegSource implements Source {
  readonly kind = 'ffmpeg';
  readonly #options: FfmpegSourceOptions;
  readonly #pace: EncoderPace;
  #process: FfmpegProcess | undefined;
  #prepared: PreparedInput | undefined;
  #preparing: Promise<void> = Promise.resolve();
  #closed = false;
  /** Of a programme with an end. */
  #leftMs: number | undefined;
  #shownMs = 0;
  #paused = false;

  constructor(options: FfmpegSourceOptions) {
    this.#options = options;
    const { clock, input, noted } = options;
    this.#pace = new EncoderPace({ clock, noted, hungryUntilMs: () => input.hungryUntilMs });
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get starved(): boolean {
    return this.#process === undefined || this.#options.input.starved;
  }

  get hungryUntilMs(): number {
    return this.#options.input.hungryUntilMs;
  }

  start(sink: SourceSink): void {
    this.#preparing = this.#start(sink);
  }

  pause(): void {
    this.#paused = true;
    this.#process?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#process?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.stop();
    await this.#prepared?.close();
    await this.#preparing;
    await this.#process?.stop();
    await this.#prepared?.close();
  }

  async #start(sink: SourceSink): Promise<void> {
    const { input, index, ffmpegPath, args, programme, clock, stopGraceMs, log } = this.#options;
    try {
      this.#prepared = await input.prepare(index);
    } catch (error) {
      if (!this.#closed) sink.end(asStreampoolError(error));
      return;
    }
    if (this.#closed) return;
    const prepared = this.#prepared;
    this.#leftMs = leftOf(programme, clock.wallNow());
    let starting = this.#options.openSpan?.();
    this.#process = new FfmpegProcess(
      {
        ffmpegPath,
        args: commandLine(
          cutToProgramme(args, programme, prepared.kind, clock.wallNow()),
          prepared.url,
          prepared.kind,
        ),
        stallTimeoutMs: NEVER_MS,
        startTimeoutMs: NEVER_MS,
        stopGraceMs,
        log,
      },
      {
        data: (chunk) => {
          starting?.end();
          starting = undefined;
          sink.data(chunk);
        },
        progress: ({ fps, speed, bitrateKbps, outTimeMs }) => {
          if (outTimeMs !== undefined) {
            this.#pace.push({ outTimeMs });
            this.#shownMs = outTimeMs;
          }
          sink.progress({
            ...(fps === undefined ? {} : { fps }),
            ...(speed === undefined ? {} : { speed }),
            ...(bitrateKbps === undefined ? {} : { bitrateKbps }),
          });
        },
        exit: (error) => {
          starting?.end(error ?? ENDED_EARLY);
          sink.end(this.#verdict(prepared, error));
        },
      },
    );
    this.#process.start();
    if (this.#process.pid !== undefined) starting?.set({ 'process.pid': this.#process.pid });
    if (this.#paused) this.#process.pause();
  }

  /** A provider's failure explains an FFmpeg that ended better than FFmpeg does, which only saw its input end. */
  #verdict(prepared: PreparedInput, error: StreampoolError | undefined): StreampoolError | undefined {
    const failure = prepared.failure();
    if (failure) return failure;
    if (error || prepared.isComplete() || hasShown(this.#leftMs, this.#shownMs)) return error;
    return new StreampoolError('FFMPEG_FAILED', 'FFmpeg ended although its input goes on');
  }
}
