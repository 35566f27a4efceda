import type { ProgramMap } from '@streampool/mpegts';
import type { TsLoop } from '@streampool/testkit';
import { DEFAULT_CHAIN_POLICY } from '../../src/chain-options.ts';
import { Intake } from '../../src/intake.ts';
import type { StreamNote } from '../../src/notes.ts';
import type { FittingSlate, SlateStore } from '../../src/slate/index.ts';
import { FakeSource } from '../fake-source.ts';
import { ManualClock } from '../manual-clock.ts';

const STEP_MS = 40;

export interface StagedIntakeOptions {
  readonly store: Pick<SlateStore, 'find'> & { readonly isBusy?: boolean };
  readonly afterMs?: number;
  readonly stallMs?: number;
  readonly maxAttempts?: number;
}

/** An intake with a slate whose time stands still until it is played, and everything that goes out of it. */
export class StagedIntake {
  readonly clock = new ManualClock();
  readonly sources: FakeSource[] = [];
  readonly notes: StreamNote[] = [];
  readonly intake: Intake;
  mayShow = true;
  failed = false;
  /** Settles when the last question for a slate has been answered. */
  learnt: Promise<FittingSlate | undefined> = Promise.resolve(undefined);
  program: ProgramMap | undefined;
  /** Bytes that had gone out at the end of each step, and when. */
  readonly steps: { readonly ms: number; readonly bytes: number }[] = [];
  readonly #parts: Buffer[] = [];
  #read = 0;

  constructor({ store, afterMs = 1_000, stallMs = 3_000, maxAttempts = 12 }: StagedIntakeOptions) {
    this.intake = new Intake({
      alternatives: 1,
      policy: { ...DEFAULT_CHAIN_POLICY, stallMs, maxAttempts },
      random: () => 0.5,
      ring: { budgetBytes: 32 * 1024 * 1024, retainMs: 60_000 },
      clock: this.clock,
      open: () => {
        const source = new FakeSource();
        this.sources.push(source);
        return source;
      },
      events: {
        progress: () => {},
        lost: () => {},
        ended: () => {},
        failed: () => {
          this.failed = true;
        },
        recovered: () => {},
        joinable: () => {},
        noted: (note) => this.notes.push(note),
      },
      slate: {
        afterMs,
        mayShow: () => this.mayShow,
        store: {
          get isBusy() {
            return store.isBusy ?? false;
          },
          find: (sample, program) => {
            this.program = program;
            this.learnt = store.find(sample, program);
            return this.learnt;
          },
        },
      },
    });
  }

  get source(): FakeSource {
    return this.sources.at(-1)!;
  }

  get output(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get types(): string[] {
    return this.notes.map(({ type }) => type).filter((type) => type.startsWith('slate'));
  }

  /** By how many ms the last PCR of each step is ahead of the step's time. */
  clockOffsets(): number[] {
    const { output } = this;
    return this.steps.flatMap(({ ms, bytes }, i) => {
      const from = i === 0 ? 0 : this.steps[i - 1]!.bytes;
      for (let at = bytes - 188; at >= from; at -= 188) {
        const hasPcr = output[at + 3]! & 0x20 && output[at + 4]! > 0 && output[at + 5]! & 0x10;
        if (hasPcr) return [output.readUInt32BE(at + 6) / 45 - ms];
      }
      return [];
    });
  }

  /** The newest source sends the loop from `fromMs` of it on, in real time. */
  async play(loop: TsLoop, ms: number, fromMs = 0): Promise<void> {
    const rounds = new Map<number, Buffer>();
    const at = (timeMs: number): { round: number; offset: number } => {
      const ticks = timeMs * 90;
      const round = Math.floor(ticks / loop.durationTicks);
      return { round, offset: loop.offsetAt(ticks - round * loop.durationTicks) };
    };
    const bytes = (round: number): Buffer => {
      const known = rounds.get(round) ?? loop.render(round);
      rounds.set(round, known);
      return known;
    };
    let from = at(fromMs);
    for (let played = STEP_MS; played <= ms; played += STEP_MS) {
      const to = at(fromMs + played);
      if (to.round > from.round) {
        this.source.sink.data(bytes(from.round).subarray(from.offset));
        from = { round: to.round, offset: 0 };
      }
      this.source.sink.data(bytes(to.round).subarray(from.offset, to.offset));
      from = to;
      await this.wait(STEP_MS);
    }
    await this.learnt;
  }

  /** Nothing comes from the source. */
  async wait(ms: number): Promise<void> {
    for (let waited = 0; waited < ms; waited += STEP_MS) {
      await this.clock.advance(Math.min(STEP_MS, ms - waited));
      this.#follow();
      this.steps.push({ ms: this.clock.now(), bytes: this.#read });
    }
  }

  #follow(): void {
    const { ring } = this.intake;
    while (this.#read < ring.head) {
      const slice = ring.sliceOf(ring.blockAt(this.#read)!, this.#read, ring.head);
      this.#parts.push(Buffer.from(slice));
      this.#read += slice.length;
    }
  }
}
