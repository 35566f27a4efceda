import { StreampoolError } from '@streampool/errors';
import { type ProcessEnding, SupervisedProcess, type Timers } from '@streampool/processes';
import type { Logger } from 'pino';
import { ffmpegMissing } from '../check-ffmpeg.ts';
import { explainFailure } from './last-error.ts';
import { PROGRAM_ARGS } from './launch.ts';
import { type FfmpegProgress, ProgressParser } from './progress.ts';
import { StderrLog } from './stderr-log.ts';

export interface FfmpegProcessOptions {
  readonly ffmpegPath: string;
  /** Everything after the program's own arguments, the input's URL in its place: see `commandLine`. */
  readonly args: readonly string[];
  /** Longest silence on the output, in ms, once it has begun; the time that reading is paused does not count. */
  readonly stallTimeoutMs: number;
  /** Longest wait for the first bytes, in ms. */
  readonly startTimeoutMs: number;
  /** From SIGTERM to SIGKILL, in ms. */
  readonly stopGraceMs: number;
  readonly log?: Logger;
  readonly timers?: Timers;
}

/** Calls stop for good with `exit`, or with the call of `stop()`. */
export interface FfmpegHandlers {
  /** Output bytes, in any cut. The buffer is the receiver's to keep. */
  data(chunk: Buffer): void;
  progress(progress: FfmpegProgress): void;
  /**
   * The process has ended by itself (or was ended for stalling) and is gone; all its output has been given out.
   * No error: the input came to its end. Else FFMPEG_FAILED, FFMPEG_STALLED or FFMPEG_MISSING.
   */
  exit(error?: StreampoolError): void;
}

/** One supervised FFmpeg, whose messages are understood and whose figures are read: see `SupervisedProcess`. */
export class FfmpegProcess {
  readonly #options: FfmpegProcessOptions;
  readonly #stderr: StderrLog;
  readonly #process: SupervisedProcess;

  constructor(options: FfmpegProcessOptions, handlers: FfmpegHandlers) {
    this.#options = options;
    const { ffmpegPath, args, stallTimeoutMs, startTimeoutMs, stopGraceMs, log, timers } = options;
    this.#stderr = new StderrLog((line) => log?.debug({ pid: this.pid }, `ffmpeg: ${line.text}`));
    const progress = new ProgressParser((report) => handlers.progress(report));
    this.#process = new SupervisedProcess(
      {
        ...{ name: 'FFmpeg', program: ffmpegPath, args: [...PROGRAM_ARGS, ...args] },
        ...{ stallTimeoutMs, startTimeoutMs, stopGraceMs },
        ...(log && { log }),
        ...(timers && { timers }),
      },
      {
        data: (chunk) => handlers.data(chunk),
        message: (chunk) => this.#stderr.push(chunk),
        side: (chunk) => progress.push(chunk),
        ended: (ending) => {
          this.#stderr.end();
          handlers.exit(this.#failure(ending));
        },
      },
    );
  }

  /** Undefined before `start()`, and if it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** The last lines it wrote to stderr, oldest first, redacted. */
  stderrTail(): string[] {
    return this.#stderr.tail();
  }

  /** What is wrong with it, in plain words, as far as its messages tell. */
  get lastError(): string | undefined {
    return explainFailure(this.#stderr.lines());
  }

  /** Starts the process. Does not throw: what goes wrong comes as `exit`. Works once. */
  start(): void {
    this.#process.start();
  }

  /** Stops reading the output; FFmpeg blocks when the pipe is full. Not taken for a stall. */
  pause(): void {
    this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  /** Ends the process and resolves when it has been reaped. No handler is called any more. Never rejects. Idempotent. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  #failure(ending: ProcessEnding): StreampoolError | undefined {
    switch (ending.kind) {
      case 'stalled':
        return this.#stall(ending);
      case 'not-started':
        return ending.missing
          ? ffmpegMissing(this.#options.ffmpegPath)
          : new StreampoolError('FFMPEG_FAILED', `FFmpeg could not be started (${ending.code})`);
      case 'exited':
        return this.#exit(ending.code, ending.signal);
    }
  }

  #stall({ phase, limitMs }: ProcessEnding & { kind: 'stalled' }): StreampoolError {
    const why = this.lastError;
    const what = phase === 'running' ? 'FFmpeg put out nothing' : 'FFmpeg produced no output';
    const reason = why === undefined ? '' : `: ${why}`;
    return new StreampoolError('FFMPEG_STALLED', `${what} for ${limitMs / 1000} s${reason}`, {
      info: { phase },
    });
  }

  #exit(code: number | null, signal: NodeJS.Signals | null): StreampoolError | undefined {
    if (code === 0) return undefined;
    const missing = this.#stderr.lines().find(({ text }) => /^setpriv: failed to execute/.test(text));
    if (missing) return ffmpegMissing(this.#options.ffmpegPath);
    const why = this.lastError;
    if (signal) {
      // What it said last need not have anything to do with it.
      const last = why === undefined ? '' : `; the last it said was: ${why}`;
      return new StreampoolError('FFMPEG_FAILED', `FFmpeg was killed by ${signal}${last}`, {
        info: { signal },
      });
    }
    return new StreampoolError('FFMPEG_FAILED', why ?? `FFmpeg ended with code ${code} without saying why`, {
      info: { exitCode: code ?? -1 },
    });
  }
}
