import type { StreampoolError } from '@streampool/errors';
import type { BodySink, RetainedChunk } from '@streampool/upstream';
import type { MeasuredViewer } from './viewer-gaps.ts';

/** Passes a body on to one viewer and notes how long it got nothing. */
export class GapSink implements BodySink {
  readonly #sink: BodySink;
  #lastMs = performance.now();
  #longestMs = 0;
  #ended = false;

  constructor(sink: BodySink) {
    this.#sink = sink;
  }

  readonly measured: MeasuredViewer['socketViewer'] = {
    gapMs: (nowMs) => (this.#ended ? this.#longestMs : Math.max(this.#longestMs, nowMs - this.#lastMs)),
    restartGap: (nowMs) => {
      this.#longestMs = 0;
      this.#lastMs = nowMs;
    },
  };

  /** Since it last got something, ms. */
  get silentMs(): number {
    return performance.now() - this.#lastMs;
  }

  data(chunk: Buffer, retain: () => RetainedChunk): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs > this.#longestMs) this.#longestMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#sink.data(chunk, retain);
  }

  end(error?: StreampoolError): void {
    this.#ended = true;
    this.#sink.end(error);
  }
}
