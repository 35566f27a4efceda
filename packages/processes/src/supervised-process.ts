import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import type { Logger } from 'pino';
import { childEnvironment, deathSignalPrefix } from './launch.ts';
import { signalGroup } from './process-group.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface SupervisedProcessOptions {
  /** For logs: `FFmpeg`. */
  readonly name: string;
  /** A path, or a name that is looked for in PATH. */
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the little that every child gets; see `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the child reads from its descriptor 3, to its end; without it, 3 is an output. */
  readonly input?: Buffer;
  /** Longest silence on the output, in ms, once it has begun; the time that reading is paused does not count. */
  readonly stallTimeoutMs: number;
  /** Longest wait for the first bytes, in ms. */
  readonly startTimeoutMs: number;
  /** From SIGTERM to SIGKILL, in ms. */
  readonly stopGraceMs: number;
  readonly log?: Logger;
  readonly timers?: Timers;
}

/** Why a process is no more. */
export type ProcessEnding =
  | { readonly kind: 'exited'; readonly code: number | null; readonly signal: NodeJS.Signals | null }
  /** It put out nothing for too long, and was ended for it. */
  | { readonly kind: 'stalled'; readonly phase: 'starting' | 'running'; readonly limitMs: number }
  /** There is no such program (`missing`), or the system could not start it. */
  | { readonly kind: 'not-started'; readonly missing: boolean; readonly code: string };

/** Calls stop for good with `ended`, or with the call of `stop()`. */
export interface ProcessHandlers {
  /** Bytes of the standard output, in any cut. The buffer is the receiver's to keep. */
  data(chunk: Buffer): void;
  /** Of the standard error, also of a process that was stopped. */
  message(chunk: Buffer): void;
  /** Of descriptor 3, where the child has no input there. */
  side?(chunk: Buffer): void;
  /** The process has ended by itself (or was ended for stalling) and is gone; all it wrote has been given out. */
  ended(ending: ProcessEnding): void;
}

/** A stalled process has nothing to flush that anybody waits for, and its viewers do wait. */
const STALL_GRACE_MS = 500;
/** After SIGKILL only the kernel can hold a process (a driver that hangs); nobody should wait for that for ever. */
const REAP_DEADLINE_MS = 5000;

/**
 * One supervised child: started once, ended once, never restarted (that is for whoever knows why it is wanted).
 *
 * It runs in a process group of its own with stdin closed and a minimal environment, dies with us even if we are
 * killed with SIGKILL, and is ended when its output stalls. `stop()` is idempotent and resolves when it has been reaped.
 */
export class SupervisedProcess {
  readonly #options: SupervisedProcessOptions;
  readonly #handlers: ProcessHandlers;
  readonly #timers: Timers;
  #state: 'new' | 'running' | 'ended' = 'new';
  /** Set by `stop()`: from then on nobody is told anything. */
  #superseded = false;
  #pid: number | undefined;
  #stdout: Readable | undefined;
  #paused = false;
  #producedOutput = false;
  #stalled: ProcessEnding | undefined;
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

  constructor(options: SupervisedProcessOptions, handlers: ProcessHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Undefined before `start()`, and if it could not be started. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Starts the process. Does not throw: what goes wrong comes as `ended`. Works once. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    const { program, args, env, input } = this.#options;
    const [file = program, ...rest] = [...deathSignalPrefix(), program, ...args];
    const child = execa(file, rest, {
      stdio: ['ignore', 'pipe', 'pipe', input ? ['pipe'] : 'pipe'],
      encoding: 'buffer',
      buffer: false,
      detached: true,
      cleanup: false,
      reject: false,
      extendEnv: false,
      env: { ...childEnvironment(), ...env },
      cwd: '/',
    });
    this.#pid = child.pid;
    if (child.pid === undefined) {
      void child.then((result) => this.#spawnFailed(result));
      return;
    }
    // Execa's promise settles later than these events, and tells no reaped process from a closed pipe: not used.
    void child;
    const [, stdout, stderr, third] = child.stdio as [null, Readable, Readable, Readable & Writable];
    this.#stdout = stdout;
    for (const stream of [stdout, stderr, third]) stream.on('error', () => {});
    stdout.on('data', (chunk: Buffer) => this.#output(chunk));
    stderr.on('data', (chunk: Buffer) => this.#handlers.message(chunk));
    if (input) third.end(input);
    else
      third.on('data', (chunk: Buffer) => {
        if (!this.#superseded) this.#handlers.side?.(chunk);
      });
    if (this.#paused) stdout.pause();
    child.nodeChildProcess.once('exit', () => this.#onReaped());
    child.nodeChildProcess.once('close', (code: number | null, signal: NodeJS.Signals | null) =>
      this.#end(this.#stalled ?? { kind: 'exited', code, signal }),
    );
    this.#lastOutputAt = this.#timers.now();
    this.#watch(this.#options.startTimeoutMs);
  }

  /** Stops reading the output; the child blocks when the pipe is full. Not taken for a stall. */
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
      const limitMs = this.#producedOutput ? this.#options.stallTimeoutMs : this.#options.startTimeoutMs;
      const silence = this.#paused ? 0 : this.#timers.now() - this.#lastOutputAt;
      if (silence < limitMs) {
        this.#watch(limitMs - silence);
        return;
      }
      this.#stalled = { kind: 'stalled', phase: this.#producedOutput ? 'running' : 'starting', limitMs };
      this.#terminate(Math.min(STALL_GRACE_MS, this.#options.stopGraceMs));
    });
  }

  /** May be called again with a shorter grace; a longer one changes nothing. */
  #terminate(graceMs: number): void {
    const { name, log } = this.#options;
    const pid = this.#pid;
    const dueAt = this.#timers.now() + graceMs;
    if (pid === undefined || this.#reaped || dueAt >= this.#killDueAt) return;
    this.#killDueAt = dueAt;
    this.#cancelKill();
    signalGroup(pid, 'SIGTERM');
    this.#cancelKill = this.#timers.after(graceMs, () => {
      signalGroup(pid, 'SIGKILL');
      this.#cancelKill = this.#timers.after(REAP_DEADLINE_MS, () => {
        log?.error({ pid }, `${name} is still there after SIGKILL: held by the kernel`);
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

  #spawnFailed({ code = 'unknown reason' }: { code?: string | undefined }): void {
    this.#reaped = true;
    this.#resolveReaped();
    this.#end({ kind: 'not-started', missing: code === 'ENOENT' || code === 'EACCES', code });
  }

  #end(ending: ProcessEnding): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    if (!this.#superseded) this.#handlers.ended(ending);
  }
}
