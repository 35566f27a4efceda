import { StreampoolError } from '@streampool/errors';
import type { GapMeasurement, StreamEngineApi, ViewerGaps } from '@streampool/streaming';

/** Longer than any drill: whoever began it has gone. */
const FORGOTTEN_AFTER_MS = 150_000;
const MAX_MEASUREMENTS = 32;

/** What is being measured here for other nodes, by the keys that they chose. */
export class GapBook {
  readonly #engine: Pick<StreamEngineApi, 'measureGaps'>;
  readonly #running = new Map<string, { measurement: GapMeasurement; timer: NodeJS.Timeout }>();

  constructor(engine: Pick<StreamEngineApi, 'measureGaps'>) {
    this.#engine = engine;
  }

  /** @throws StreampoolError CAPACITY_EXHAUSTED */
  start(key: string, streamId: string): void {
    this.#stop(key);
    if (this.#running.size >= MAX_MEASUREMENTS)
      throw new StreampoolError('CAPACITY_EXHAUSTED', 'too many drills are being measured here');
    const timer = setTimeout(() => this.#stop(key), FORGOTTEN_AFTER_MS);
    timer.unref();
    this.#running.set(key, { measurement: this.#engine.measureGaps(streamId), timer });
  }

  /** Nothing where nothing was begun. */
  take(key: string): ViewerGaps {
    return this.#stop(key) ?? { gapsMs: [], dropped: 0 };
  }

  #stop(key: string): ViewerGaps | undefined {
    const running = this.#running.get(key);
    if (!running) return undefined;
    this.#running.delete(key);
    clearTimeout(running.timer);
    return running.measurement.take();
  }
}
