import { StreampoolError } from '@streampool/errors';
import { type Attempt, type ChainPolicy, DEFAULT_CHAIN_POLICY } from '../../src/chain-options.ts';
import type { Resolved, SourceChoice } from '../../src/choice/source-choice.ts';
import type { StreamNote } from '../../src/notes.ts';
import type { Source, SourceSink } from '../../src/source.ts';
import { SourceChain } from '../../src/source-chain.ts';
import { ManualClock } from '../manual-clock.ts';

/** A source whose every word is a test's, and what the chain wanted of it. */
export class StagedSource implements Source {
  readonly kind = 'upstream';
  readonly attempt: Attempt;
  readonly openedMs: number;
  sink!: SourceSink;
  closed = false;

  constructor(attempt: Attempt, openedMs: number) {
    this.attempt = attempt;
    this.openedMs = openedMs;
  }
  start(sink: SourceSink) {
    this.sink = sink;
  }
  pause() {}
  resume() {}
  async close() {
    this.closed = true;
  }
  /** Pictures: it takes over. */
  play() {
    this.sink.data(Buffer.from('picture'));
  }
  fail(code: ConstructorParameters<typeof StreampoolError>[0], info: Record<string, number> = {}) {
    this.sink.end(new StreampoolError(code, `${code} of ${this.attempt.index}`, { info }));
  }
}

export interface StageOptions {
  readonly alternatives?: number;
  readonly policy?: Partial<ChainPolicy>;
  readonly choice?: Partial<SourceChoice>;
}

/** A chain of staged sources under a clock of its own. */
export function stage({ alternatives = 3, policy = {}, choice }: StageOptions = {}) {
  const clock = new ManualClock();
  const sources: StagedSource[] = [];
  const log: string[] = [];
  const notes: StreamNote[] = [];
  let failure: StreampoolError | undefined;
  const chain: SourceChain = new SourceChain({
    alternatives,
    clock,
    random: () => 0,
    policy: { ...DEFAULT_CHAIN_POLICY, stallMs: 1_000_000_000, ...policy },
    ...(choice && { choice: { ...INDIFFERENT, ...choice } }),
    open: (attempt) => {
      const source = new StagedSource(attempt, clock.now());
      sources.push(source);
      return source;
    },
    events: {
      lane: ({ tookOver }) => {
        let isOut = false;
        return {
          data: () => {
            if (!isOut) tookOver();
            isOut = true;
            chain.noteAccessPoint();
          },
          end: () => {},
          close: () => {},
        };
      },
      progress: () => {},
      noted: (note) => notes.push(note),
      lost: ({ code }) => log.push(`lost ${code}`),
      recovered: ({ index, reason }) => log.push(`${index} after ${reason}`),
      ended: () => log.push('ended'),
      failed: (error) => {
        failure = error;
        log.push(`failed ${error.code}`);
      },
    },
  });
  return {
    ...{ clock, sources, log, notes, chain },
    /** The sources that were opened, by index. */
    get opened() {
      return sources.map(({ attempt }) => attempt.index);
    },
    get open() {
      return sources.filter(({ closed }) => !closed);
    },
    get last() {
      return sources.at(-1)!;
    },
    get failure() {
      return failure;
    },
  };
}

/** Knows nothing that the chain does not. */
const INDIFFERENT: SourceChoice = {
  waitMs: () => 0,
  want: () => {},
  played: () => {},
  stable: () => {},
  failed: () => {},
  dropped: () => {},
  isOurs: () => true,
  urlOf: () => undefined,
};

export type Resolve = (lost: { index: number; error?: StreampoolError }) => Promise<Resolved | undefined>;
