import { StreampoolError } from '@streampool/errors';
import { DEFAULT_CHAIN_POLICY } from '../src/chain-options.ts';
import type { StreamNote } from '../src/index.ts';
import { Ring } from '../src/ring.ts';
import { SocketViewer } from '../src/socket-viewer.ts';
import type { Source, SourceSink } from '../src/source.ts';
import { SourceChain } from '../src/source-chain.ts';
import { EncoderPace, PACE } from '../src/transcode/encoder-pace.ts';
import { FakeSocket } from './fake-viewer.ts';
import { ManualClock } from './manual-clock.ts';

class FakeSource implements Source {
  readonly kind: Source['kind'];
  starved = false;
  hungryUntilMs: number | undefined;
  sink!: SourceSink;

  constructor(kind: Source['kind']) {
    this.kind = kind;
  }

  start(sink: SourceSink): void {
    this.sink = sink;
  }

  pause(): void {}

  resume(): void {}

  async close(): Promise<void> {}
}

describe('of sources', () => {
  function setup(kind: Source['kind'] = 'upstream', alternatives = 2) {
    const clock = new ManualClock();
    const notes: StreamNote[] = [];
    const sources: FakeSource[] = [];
    const chain = new SourceChain({
      ...{ alternatives, clock, random: () => 0, policy: { ...DEFAULT_CHAIN_POLICY, stallMs: 3_000 } },
      open: () => {
        const source = new FakeSource(kind);
        sources.push(source);
        return source;
      },
      events: {
        lane: ({ tookOver }) => ({ data: tookOver, end: () => {}, close: () => {} }),
        progress: () => {},
        noted: (note) => notes.push(note),
        lost: () => {},
        recovered: () => {},
        ended: () => {},
        failed: () => {},
      },
    });
    chain.start();
    const bytes = (): void => sources.at(-1)!.sink.data(Buffer.alloc(188));
    return { clock, notes, chain, bytes, source: () => sources.at(-1)! };
  }

  test('a silence that the source gets over is a gap, one that players do not notice is none', async () => {
    const { clock, notes, bytes } = setup();
    await clock.advance(2_000);
    bytes();
    await clock.advance(499);
    bytes();
    expect(notes).toEqual([]);
    await clock.advance(1_500);
    bytes();
    expect(notes).toEqual([{ type: 'source_gap', gapMs: 1_500, index: 0 }]);
  });

  test('reading that was paused is no silence, nor is waiting for somebody else', async () => {
    const { clock, notes, chain, bytes, source } = setup();
    bytes();
    chain.pause();
    await clock.advance(2_000);
    chain.resume();
    bytes();
    source().starved = true;
    await clock.advance(2_000);
    bytes();
    expect(notes).toEqual([]);
  });

  test('an encoder is blamed only for what it had to read', async () => {
    const { clock, notes, bytes, source } = setup('ffmpeg');
    bytes();
    await clock.advance(1_500);
    source().hungryUntilMs = clock.now() - 100;
    bytes();
    expect(notes).toEqual([]);
    await clock.advance(600);
    bytes();
    expect(notes).toEqual([]);
    source().hungryUntilMs = clock.now() - 10_000;
    await clock.advance(700);
    bytes();
    expect(notes).toEqual([{ type: 'encoder_gap', gapMs: 700 }]);
  });

  test('a loss says of which source and why, and whether it ever played', async () => {
    const { clock, notes, bytes, source } = setup();
    bytes();
    source().sink.end(new StreampoolError('UPSTREAM_CUT', 'cut'));
    await clock.advance(1_000);
    source().sink.end(new StreampoolError('UPSTREAM_STATUS', 'The provider answered 403'));
    expect(notes).toEqual([
      { type: 'source_lost', code: 'UPSTREAM_CUT', detail: 'cut', index: 0 },
      { type: 'source_refused', code: 'UPSTREAM_STATUS', detail: 'The provider answered 403', index: 0 },
    ]);
  });

  test('a source that could not take over beside the one that plays is told of, too', async () => {
    const { clock, notes, chain, bytes, source } = setup();
    bytes();
    const replaced = chain.replace({ reason: 'MANUAL', index: 1 });
    await clock.advance(10);
    source().sink.end(new StreampoolError('UPSTREAM_CONNECT_FAILED', 'refused'));
    await expect(replaced).rejects.toMatchObject({ code: 'UPSTREAM_CONNECT_FAILED' });
    expect(notes).toEqual([
      { type: 'source_refused', code: 'UPSTREAM_CONNECT_FAILED', detail: 'refused', index: 1 },
    ]);
  });
});

describe('of encoders', () => {
  function setup() {
    const clock = new ManualClock();
    const notes: StreamNote[] = [];
    const hungry = { untilMs: Number.NEGATIVE_INFINITY };
    const pace = new EncoderPace({
      ...{ clock, hungryUntilMs: () => hungry.untilMs, noted: (note) => notes.push(note) },
    });
    let outTimeMs = 0;
    const run = async (seconds: number, speed: number): Promise<void> => {
      for (let i = 0; i < 2 * seconds; i += 1) {
        await clock.advance(500);
        outTimeMs += 500 * speed;
        pace.push({ outTimeMs });
      }
    };
    return { clock, notes, hungry, run };
  }

  test('one that is slow is told of once, and again when it has recovered', async () => {
    const { notes, run } = setup();
    await run(30, 1);
    expect(notes).toEqual([]);
    await run(40, 0.7);
    expect(notes).toEqual([{ type: 'encoder_slow', speed: expect.closeTo(0.7) }]);
    await run(20, 1.1);
    expect(notes).toMatchObject([{}, { type: 'encoder_recovered' }]);
    const { slowMs } = notes[1] as { slowMs: number };
    expect(slowMs).toBeGreaterThan(38_000);
    expect(slowMs).toBeLessThan(40_000 + PACE.slowMs + 1_000);
  });

  test('one that has nothing to read is not slow', async () => {
    const { clock, notes, hungry, run } = setup();
    await run(10, 1);
    hungry.untilMs = Number.POSITIVE_INFINITY;
    await run(30, 0);
    for (let i = 0; i < 10; i += 1) {
      hungry.untilMs = clock.now();
      await run(4, 0.6);
    }
    expect(notes).toEqual([]);
  });
});

test('of a viewer: its socket took nothing, and then it did', () => {
  const notes: unknown[] = [];
  const ring = new Ring({ budgetBytes: 64 * 1024 * 1024, retainMs: 60_000 });
  const socket = new FakeSocket();
  const viewer = new SocketViewer({
    ring,
    socket: socket as never,
    clientTimeoutMs: 30_000,
    program: () => undefined,
    now: () => 0,
    onBlocked: (blocked) => notes.push(['blocked', blocked]),
    onUnblocked: (blocked) => notes.push(['unblocked', blocked]),
    onLeave: () => {},
  });
  const turn = (ms: number): void => {
    ring.append(Buffer.alloc(188), ms);
    viewer.deliver(ms);
  };
  ring.append(Buffer.alloc(188), 0);
  ring.addAccessPoint({ offset: 0, tables: Buffer.alloc(376) });
  turn(0);
  socket.blocked = true;
  turn(100);
  turn(999);
  expect(notes).toEqual([]);
  turn(1_000);
  turn(5_000);
  expect(notes).toEqual([['blocked', { blockedMs: 1_000, lagBytes: 2 * 188 }]]);
  socket.writableLength = 0;
  socket.blocked = false;
  turn(5_200);
  expect(notes.slice(1)).toEqual([['unblocked', { blockedMs: 5_200, lagBytes: 4 * 188 }]]);
  socket.blocked = true;
  turn(5_300);
  turn(6_150);
  expect(notes).toHaveLength(2);
  turn(6_250);
  expect(notes).toHaveLength(3);
});
