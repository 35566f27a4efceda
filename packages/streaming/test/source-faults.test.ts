import { StreampoolError } from '@streampool/errors';
import { DEFAULT_CHAIN_POLICY, type LaneReports } from '../src/chain-options.ts';
import type { Source, SourceSink } from '../src/source.ts';
import { SourceChain } from '../src/source-chain.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** A source and its lane: the first byte takes over, unless it is a `-`. */
class Played implements Source {
  readonly kind = 'upstream';
  readonly index: number;
  sink!: SourceSink;
  reports!: LaneReports;
  closed = false;

  constructor(index: number) {
    this.index = index;
  }
  start(sink: SourceSink): void {
    this.sink = sink;
  }
  pause(): void {}
  resume(): void {}
  async close(): Promise<void> {
    this.closed = true;
  }
  plays(): void {
    this.sink.data(Buffer.from('picture'));
  }
}

function setUp(alternatives: number) {
  const clock = new ManualClock();
  const sources: Played[] = [];
  const log: string[] = [];
  let reports: LaneReports;
  const chain: SourceChain = new SourceChain({
    ...{ alternatives, clock, policy: DEFAULT_CHAIN_POLICY, random: () => 0 },
    open: ({ index }) => {
      const source = new Played(index);
      source.reports = reports;
      sources.push(source);
      return source;
    },
    events: {
      lane: (given) => {
        reports = given;
        let isOut = false;
        return {
          data: () => {
            if (!isOut) given.tookOver();
            isOut = true;
            chain.noteAccessPoint();
          },
          end: () => {},
          close: () => {},
        };
      },
      progress: () => {},
      noted: (note) => log.push(note.type),
      lost: ({ code }) => log.push(`lost ${code}`),
      recovered: ({ index, reason }) => log.push(`${reason} → ${index}`),
      ended: () => log.push('ended'),
      failed: ({ code }) => log.push(`failed ${code}`),
    },
  });
  chain.start();
  sources[0]!.plays();
  return {
    chain,
    clock,
    sources,
    log,
    open: () => sources.filter(({ closed }) => !closed).map(({ index }) => index),
  };
}

const black = new StreampoolError('SOURCE_BLACK', 'nothing to be seen');
const refused = new StreampoolError('UPSTREAM_CONNECT_FAILED', 'refused');

test('a source that shows nothing plays on until another one has taken over', async () => {
  const { sources, log, open } = setUp(2);
  sources[0]!.reports.fault(black);
  await settle();
  expect(open()).toEqual([0, 1]);
  sources[1]!.plays();
  expect(open()).toEqual([1]);
  expect(log).toEqual(['source_faulty', 'SOURCE_BLACK → 1']);
});

test('one that cannot be opened is followed by the next; without any, a black one is better than none', async () => {
  const { sources, log, open, chain } = setUp(3);
  sources[0]!.reports.fault(black);
  await settle();
  sources[1]!.sink.end(refused);
  await settle();
  expect(open()).toEqual([0, 2]);
  sources[2]!.sink.end(refused);
  await settle();
  expect(open()).toEqual([0]);
  expect(chain.index).toBe(0);
  expect(log).toEqual(['source_faulty', 'source_refused', 'source_refused']);
});

test('where all are black there is no going round in circles', async () => {
  const { clock, sources, open } = setUp(2);
  sources[0]!.reports.fault(black);
  await settle();
  sources[1]!.plays();
  sources[1]!.reports.fault(black);
  await settle();
  expect(open()).toEqual([1]);
  // Later it is worth another look.
  for (let second = 0; second <= 300; second++) {
    sources[1]!.plays();
    await clock.advance(1_000);
  }
  sources[1]!.reports.fault(black);
  await settle();
  expect(open()).toEqual([1, 0]);
});

test('a single source is kept, and a fault of one that is closed already changes nothing', async () => {
  const { sources, open, chain, log } = setUp(1);
  sources[0]!.reports.fault(black);
  await settle();
  expect(open()).toEqual([0]);
  await chain.close();
  sources[0]!.reports.fault(black);
  await settle();
  expect(log).toEqual(['source_faulty']);
});

test('one that is found black while it is being made ready does not take over', async () => {
  const { sources, open, chain } = setUp(2);
  const switched = chain.replace({ reason: 'MANUAL', index: 1 });
  sources[1]!.reports.fault(black);
  await expect(switched).rejects.toMatchObject({ code: 'SOURCE_BLACK' });
  expect(open()).toEqual([0]);
});
