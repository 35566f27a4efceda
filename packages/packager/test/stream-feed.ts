import { PesGate, type SplicerFeed, TsSplicer } from '@streampool/mpegts';
import type { Clock, Tap, TapEnd, TapRun, TapSink } from '@streampool/streaming';

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = 1_000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

/** A pool's output as a tap sees it, without a pool: what is pushed goes through gate and splicer as in one. */
export class StreamFeed {
  readonly #clock: Clock;
  readonly #sinks = new Set<TapSink>();
  readonly #splicer: TsSplicer;
  #source: { feed: SplicerFeed; gate: PesGate } | undefined;
  taps = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#splicer = new TsSplicer({
      now: () => clock.now(),
      emit: (packets, { offset, accessPoints, program, seam }) => {
        const run: TapRun = {
          ...{ offset, packets, accessPoints, splice: seam?.reason === 'source' },
          ...(program && { program }),
        };
        for (const sink of this.#sinks) sink.run(run);
      },
    });
  }

  readonly tap = async (sink: TapSink): Promise<Tap> => {
    this.taps += 1;
    this.#sinks.add(sink);
    return {
      close: () => {
        if (this.#sinks.delete(sink)) this.taps -= 1;
      },
    };
  };

  /** From here on another source: what is unfinished goes with the one before. */
  source(): void {
    this.#source = { feed: this.#splicer.open(), gate: new PesGate({ now: () => this.#clock.now() }) };
  }

  /** Whole packets; in pieces of so many bytes. */
  push(packets: Buffer, pieceBytes = 188 * 100): void {
    if (!this.#source) this.source();
    const { feed, gate } = this.#source!;
    for (let at = 0; at < packets.length; at += pieceBytes)
      feed.push(gate.push(packets.subarray(at, at + pieceBytes)));
  }

  /** The last source is complete. */
  flush(): void {
    this.#source?.feed.push(this.#source.gate.flush());
    this.#source?.feed.end();
  }

  end(end: TapEnd): void {
    for (const sink of this.#sinks) sink.ended(end);
    this.#sinks.clear();
  }
}
