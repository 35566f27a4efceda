import { availableParallelism } from 'node:os';
import { StreampoolError } from '@streampool/errors';
import { decodeBytes } from '@streampool/ffmpeg';

/** A piece of a transport stream, and what FFmpeg makes of it on its stdout. */
export interface Sample {
  readonly packets: Buffer;
  readonly args: readonly string[];
  readonly maxOutputBytes: number;
}

export interface SampleDecoderOptions {
  readonly ffmpegPath: string;
  /** FFmpegs at once in this process. Default: one, two on machines with eight processors or more. */
  readonly atOnce?: number;
  /** Bytes of samples that may wait; what does not fit is dropped, so that a busy machine looks more rarely. Default 16 MB. */
  readonly queueBytes?: number;
  /** From a sample's start to its result, in ms, after which FFmpeg is killed. Default 10 s. */
  readonly deadlineMs?: number;
  /** What decodes; for tests. */
  readonly decode?: typeof decodeBytes;
}

interface Waiting {
  readonly sample: Sample;
  readonly signal: AbortSignal;
  resolve(output: Buffer | undefined): void;
}

/** Decodes the samples of all streams of a process, a few at once, in the order they came. */
export class SampleDecoder {
  readonly #ffmpegPath: string;
  readonly #atOnce: number;
  readonly #queueBytes: number;
  readonly #deadlineMs: number;
  readonly #decode: typeof decodeBytes;
  readonly #queue: Waiting[] = [];
  readonly #closed = new AbortController();
  #queuedBytes = 0;
  readonly #running = new Set<Promise<void>>();
  /** Samples decoded; failed or over the deadline; not taken because too many waited. */
  readonly stats = { decoded: 0, failed: 0, dropped: 0 };
  lastError: StreampoolError | undefined;

  constructor(options: SampleDecoderOptions) {
    this.#ffmpegPath = options.ffmpegPath;
    this.#atOnce = options.atOnce ?? (availableParallelism() >= 8 ? 2 : 1);
    this.#queueBytes = options.queueBytes ?? 16 * 1024 * 1024;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#decode = options.decode ?? decodeBytes;
  }

  /**
   * Resolves with FFmpeg's output, or undefined where there is none: it failed, was dropped or aborted. Never rejects.
   * @param signal takes it back, waiting or running
   */
  decode(sample: Sample, signal: AbortSignal): Promise<Buffer | undefined> {
    const fits = this.#queuedBytes + sample.packets.length <= this.#queueBytes;
    if (this.#closed.signal.aborted || signal.aborted || !fits) {
      if (!fits) this.stats.dropped += 1;
      return Promise.resolve(undefined);
    }
    return new Promise((resolve) => {
      this.#queuedBytes += sample.packets.length;
      this.#queue.push({ sample, signal, resolve });
      this.#next();
    });
  }

  /** True while a sample waits or is being decoded. */
  get busy(): boolean {
    return this.#running.size > 0 || this.#queue.length > 0;
  }

  /** Kills what runs and drops what waits. Idempotent; resolves when no FFmpeg is left. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const { resolve } of this.#queue.splice(0)) resolve(undefined);
    this.#queuedBytes = 0;
    await Promise.all(this.#running);
  }

  #next(): void {
    while (this.#running.size < this.#atOnce) {
      const waiting = this.#queue.shift();
      if (!waiting) return;
      this.#queuedBytes -= waiting.sample.packets.length;
      if (waiting.signal.aborted) {
        waiting.resolve(undefined);
        continue;
      }
      const run = this.#run(waiting).finally(() => {
        this.#running.delete(run);
        this.#next();
      });
      this.#running.add(run);
    }
  }

  async #run({ sample, signal, resolve }: Waiting): Promise<void> {
    const either = AbortSignal.any([signal, this.#closed.signal]);
    try {
      const output = await this.#decode({
        ffmpegPath: this.#ffmpegPath,
        input: sample.packets,
        args: sample.args,
        maxOutputBytes: sample.maxOutputBytes,
        deadlineMs: this.#deadlineMs,
        signal: either,
      });
      this.stats.decoded += 1;
      resolve(either.aborted ? undefined : output);
    } catch (error) {
      if (!either.aborted) {
        this.stats.failed += 1;
        if (error instanceof StreampoolError) this.lastError = error;
      }
      resolve(undefined);
    }
  }
}
