import type { Readable } from 'node:stream';
import { StreampoolError } from '@streampool/errors';
import { execa } from 'execa';
import type { Logger } from 'pino';
import { ffmpegMissing } from '../check-ffmpeg.ts';
import { explainFailure } from './last-error.ts';
import { childEnvironment, deathSignalPrefix, PROGRAM_ARGS } from './launch.ts';
import { signalGroup } from './process-group.ts';
import { type FfmpegProgress, ProgressParser } from './progress.ts';
import { StderrLog } from './stderr-log.ts';
import { systemTimers, type Timers } from './timers.ts';

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

/** A stalled process has nothing to flush that anybody waits for, and its viewers do wait. */
const STALL_GRACE_MS = 500;
/** After SIGKILL only the kernel can hold a process (a driver that hangs); nobody should wait for that for ever. */
const REAP_DEADLINE_MS = 5000;

/**
 * One supervised FFmpeg: started once, ended once, never restarted (that is the pool's decision).
 *
 * It runs in a process group of its own with stdin closed and a minimal environment, dies with us even if we are
 * killed with SIGKILL, and is ended when its output stalls. `stop()` is idempotent and resolves when it has been reaped.
 */
export class FfmpegProcess {
  readonly #options: FfmpegProcessOptions;
  readonly #handlers: FfmpegHandlers;
  readonly #timers: Timers;
  readonly #stderr: StderrLog;
  #state: 'new' | 'running' | 'ended' = 'new';
  /** Set by `stop()`: from then on nobody is told anything. */
  #superseded = false;
  #pid: number | undefined;
  #stdout: Readable | undefined;
  #paused = false;
  #producedOutput = false;
  #stalled: StreampoolError | undefined;
  #lastOutputAt = 0;
  #cancelWatch: () => void = () => {};
  #cancelKill: () => void = () => {};
  #killDueAt = Number.POSITIVE_INFINITY;
  #reaped = false;
  #stopping: Promise<void> | undefined;
  #resolveReaped: () => void = () => {};
  readonly #whenReaped = new Promise<void>((resolve) => {
    this.#resolveReaped = resolve;
  });

  constructor(options: FfmpegProcessOptions, handlers: FfmpegHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#timers = options.timers ?? systemTimers;
    this.#stderr = new StderrLog((line) => options.log?.debug({ pid: this.#pid }, `ffmpeg: ${line.text}`));
  }

  /** Undefined before `start()`, and if it could not be started. */
  get pid(): number | undefined {
    return this.#pid;
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
    if (this.#state !== 'new') return;
    this.#state = 'running';
    const { ffmpegPath, args } = this.#options;
    const [file = ffmpegPath, ...rest] = [...deathSignalPrefix(), ffmpegPath, ...PROGRAM_ARGS, ...args];
    const child = execa(file, rest, {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      encoding: 'buffer',
      buffer: false,
      detached: true,
      cleanup: false,
      reject: false,
      extendEnv: false,
      env: childEnvironment(),
      cwd: '/',
    });
    this.#pid = child.pid;
    if (child.pid === undefined) {
      void child.then((result) => this.#spawnFailed(result));
      return;
    }
    // Execa's promise settles later than these events, and tells no reaped process from a closed pipe: not used.
    void child;
    const [, stdout, stderr, progress] = child.stdio as [null, Readable, Readable, Readable];
    this.#stdout = stdout;
    for (const stream of [stdout, stderr, progress]) stream.on('error', () => {});
    const parser = new ProgressParser((report) => {
      if (!this.#superseded) this.#handlers.progress(report);
    });
    stdout.on('data', (chunk: Buffer) => this.#output(chunk));
    stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    progress.on('data', (chunk: Buffer) => parser.push(chunk));
    if (this.#paused) stdout.pause();
    child.nodeChildProcess.once('exit', () => this.#onReaped());
    child.nodeChildProcess.once('close', (code: number | null, signal: NodeJS.Signals | null) =>
      this.#onClosed(code, signal),
    );
    this.#lastOutputAt = this.#timers.now();
    this.#watch(this.#options.startTimeoutMs);
  }

  /** Stops reading the output; FFmpeg blocks when the pipe is full. Not taken for a stall. */
  pause(): void {
    this.#paused = true;
    this.#stdout?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastOutputAt = this.#timers.now();
    this.#stdout?.resume();
  }

  /**
   * Ends the process: SIGTERM to its group, SIGKILL after the grace time. No handler is called any more.
   * Resolves when it has been reaped (at most 5 s after SIGKILL). Never rejects. Idempotent.
   */
  stop(): Promise<void> {
    this.#superseded = true;
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#state === 'new') this.#state = 'ended';
    this.#cancelWatch();
    if (this.#pid === undefined || this.#reaped) return;
    // A process blocked in writing to us does not see SIGTERM: closing the pipe wakes it with EPIPE.
    this.#stdout?.destroy();
    this.#terminate(this.#options.stopGraceMs);
    await this.#whenReaped;
  }

  #output(chunk: Buffer): void {
    this.#lastOutputAt = this.#timers.now();
    if (!this.#producedOutput) {
      this.#producedOutput = true;
      this.#cancelWatch();
      if (!this.#superseded && !this.#stalled) this.#watch(this.#options.stallTimeoutMs);
    }
    if (!this.#superseded) this.#handlers.data(chunk);
  }

  /** One timer that is set again when it fires, not one per chunk: output comes a hundred times a second. */
  #watch(delayMs: number): void {
    this.#cancelWatch = this.#timers.after(delayMs, () => {
      const limit = this.#producedOutput ? this.#options.stallTimeoutMs : this.#options.startTimeoutMs;
      const silence = this.#paused ? 0 : this.#timers.now() - this.#lastOutputAt;
      if (silence < limit) {
        this.#watch(limit - silence);
        return;
      }
      this.#stall(limit);
    });
  }

  #stall(limitMs: number): void {
    const why = this.lastError;
    const what = this.#producedOutput ? 'FFmpeg put out nothing' : 'FFmpeg produced no output';
    this.#stalled = new StreampoolError(
      'FFMPEG_STALLED',
      `${what} for ${limitMs / 1000} s${why === undefined ? '' : `: ${why}`}`,
      { info: { phase: this.#producedOutput ? 'running' : 'starting' } },
    );
    this.#terminate(Math.min(STALL_GRACE_MS, this.#options.stopGraceMs));
  }

  /** May be called again with a shorter grace; a longer one changes nothing. */
  #terminate(graceMs: number): void {
    const pid = this.#pid;
    const dueAt = this.#timers.now() + graceMs;
    if (pid === undefined || this.#reaped || dueAt >= this.#killDueAt) return;
    this.#killDueAt = dueAt;
    this.#cancelKill();
    signalGroup(pid, 'SIGTERM');
    this.#cancelKill = this.#timers.after(graceMs, () => {
      signalGroup(pid, 'SIGKILL');
      this.#cancelKill = this.#timers.after(REAP_DEADLINE_MS, () => {
        this.#options.log?.error({ pid }, 'FFmpeg is still there after SIGKILL: held by the kernel');
        this.#resolveReaped();
      });
    });
  }

  #onReaped(): void {
    this.#reaped = true;
    this.#cancelWatch();
    this.#cancelKill();
    // Whatever it may have started holds our pipes open and would keep 'close' from coming.
    if (this.#pid !== undefined) signalGroup(this.#pid, 'SIGKILL');
    this.#resolveReaped();
  }

  #onClosed(code: number | null, signal: NodeJS.Signals | null): void {
    this.#stderr.end();
    this.#end(this.#stalled ?? this.#failure(code, signal));
  }

  #failure(code: number | null, signal: NodeJS.Signals | null): StreampoolError | undefined {
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

  #spawnFailed(result: { code?: string | undefined }): void {
    this.#reaped = true;
    this.#resolveReaped();
    this.#end(
      result.code === 'ENOENT' || result.code === 'EACCES'
        ? ffmpegMissing(this.#options.ffmpegPath)
        : new StreampoolError(
            'FFMPEG_FAILED',
            `FFmpeg could not be started (${result.code ?? 'unknown reason'})`,
          ),
    );
  }

  #end(error: StreampoolError | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (!this.#superseded) this.#handlers.exit(error);
  }
}
