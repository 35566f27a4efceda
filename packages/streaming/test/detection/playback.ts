import { setImmediate } from 'node:timers/promises';
import { type ProgramMap, TsScanner } from '@streampool/mpegts';
import type { TsLoop } from '@streampool/testkit';

/** What a recording is played into. */
export interface Listener {
  program(map: ProgramMap): void;
  packets(run: Buffer, nowMs: number): void;
}

const STEP_MS = 100;

/** Plays recordings at their own pace in time of its own: 100 ms are over when everything that decodes is done. */
export class Playback {
  nowMs = 5_000;
  readonly #listener: Listener;
  readonly #isBusy: () => boolean;
  readonly #scanner: TsScanner;

  constructor(listener: Listener, isBusy: () => boolean = () => false) {
    this.#listener = listener;
    this.#isBusy = isBusy;
    this.#scanner = new TsScanner({ onProgram: (map) => this.#listener.program(map) });
  }

  /** Plays until `isOver`, or for that long. Resolves with the seconds it took. */
  async play(loop: TsLoop, seconds: number, isOver: () => boolean = () => false): Promise<number> {
    const startMs = this.nowMs;
    const stepTicks = STEP_MS * 90;
    for (let round = 0; ; round++) {
      const bytes = loop.render(round);
      let sent = 0;
      for (let ticks = stepTicks; ticks <= loop.durationTicks; ticks += stepTicks) {
        const due = ticks >= loop.durationTicks ? bytes.length : loop.offsetAt(ticks);
        const run = bytes.subarray(sent, due);
        sent = due;
        this.nowMs += STEP_MS;
        this.#scanner.scan(run, 0);
        this.#listener.packets(run, this.nowMs);
        do await setImmediate();
        while (this.#isBusy());
        if (isOver() || this.nowMs - startMs >= seconds * 1_000) return (this.nowMs - startMs) / 1_000;
      }
    }
  }
}
