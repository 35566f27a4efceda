import { PACKET_SIZE, PID_COUNT } from '../packet.ts';
import type { ProgramMap } from '../types.ts';
import { ProgramTracker } from './program-tracker.ts';

/** Reads the program map along a stream of whole packets, and nothing else: one table look-up per packet. */
export class ProgramFinder {
  readonly #tracker = new ProgramTracker();
  readonly #isTable = new Uint8Array(PID_COUNT);
  readonly #onProgram: (map: ProgramMap) => void;
  #program: ProgramMap | undefined;

  /** @param onProgram called when the program map became known or changed, during `push` */
  constructor(onProgram: (map: ProgramMap) => void) {
    this.#onProgram = onProgram;
    this.#listen();
  }

  push(run: Buffer): void {
    for (let at = 0; at < run.length; at += PACKET_SIZE) {
      const pid = ((run[at + 1]! & 0x1f) << 8) | run[at + 2]!;
      if (this.#isTable[pid] === 0 || !this.#tracker.push(run, at, pid)) continue;
      this.#listen();
      const program = this.#tracker.program;
      if (program === this.#program) continue;
      this.#program = program;
      if (program) this.#onProgram(program);
    }
  }

  #listen(): void {
    this.#isTable.fill(0);
    for (const pid of this.#tracker.pids) this.#isTable[pid] = 1;
  }
}
