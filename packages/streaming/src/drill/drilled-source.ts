import type { Clock } from '../clock.ts';
import type { Source, SourceSink } from '../source.ts';
import { type BreakableSource, type ConnectionFault, faultError } from './source-faults.ts';

export interface DrilledSourceOptions extends BreakableSource {
  readonly clock: Clock;
  /** The fault it begins with, if any. */
  readonly fault: () => ConnectionFault | undefined;
  readonly onClosed: () => void;
}

/**
 * A source that can be made to look broken. Cut or refused, it ends with that error, and whoever listens closes it as any
 * other; one that is opened while the fault lasts is never asked for at all. Stalled, it is not read any more, and goes on
 * if it has not been given up when the drill ends.
 */
export class DrilledSource implements Source {
  readonly kind = 'upstream';
  readonly #options: DrilledSourceOptions;
  #source: Source | undefined;
  #sink: SourceSink | undefined;
  #isStalled = false;
  #paused = false;
  #ended = false;
  #closed = false;

  constructor(options: DrilledSourceOptions) {
    this.#options = options;
  }

  get index(): number {
    return this.#options.index;
  }

  get starved(): boolean {
    return this.#source?.starved ?? false;
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    const fault = this.#options.fault();
    if (fault) this.break(fault);
    else this.#open(sink);
  }

  break(fault: ConnectionFault): void {
    if (this.#closed || this.#ended || !this.#sink) return;
    const { clock, onBroken } = this.#options;
    onBroken();
    if (fault === 'stall') {
      this.#isStalled = true;
      this.#source?.pause();
      return;
    }
    this.#ended = true;
    this.#source?.pause();
    // Never from within `start`, as a connection does.
    clock.after(0, () => {
      if (!this.#closed) this.#sink?.end(faultError(fault));
    });
  }

  /** Idempotent. */
  mend(): void {
    if (!this.#isStalled || this.#closed || !this.#sink) return;
    this.#isStalled = false;
    if (!this.#source) this.#open(this.#sink);
    else if (!this.#paused) this.#source.resume();
  }

  pause(): void {
    this.#paused = true;
    this.#source?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#isStalled && !this.#ended) this.#source?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#options.onClosed();
    await this.#source?.close();
  }

  #open(sink: SourceSink): void {
    this.#source = this.#options.open();
    this.#source.start({
      data: (chunk) => {
        if (!this.#isStalled && !this.#ended) sink.data(chunk);
      },
      progress: (progress) => sink.progress(progress),
      end: (error) => {
        if (!this.#ended) sink.end(error);
      },
    });
    if (this.#paused) this.#source.pause();
  }
}
