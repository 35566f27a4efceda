import type { StreampoolError } from '@streampool/errors';
import { SourceFaults } from '../../src/drill/index.ts';
import { FakeSource } from '../fake-source.ts';
import { ManualClock } from '../manual-clock.ts';

class Stage {
  readonly clock = new ManualClock();
  readonly faults = new SourceFaults(this.clock);
  readonly heard: string[] = [];
  broken = 0;
  opened: FakeSource | undefined;
  readonly source;

  constructor(index = 0) {
    this.source = this.faults.wrap({
      index,
      onBroken: () => {
        this.broken += 1;
      },
      open: () => {
        this.opened = new FakeSource();
        return this.opened;
      },
    });
  }

  start(): this {
    this.source.start({
      data: (chunk) => this.heard.push(chunk.toString()),
      progress: () => {},
      end: (error?: StreampoolError) => this.heard.push(error?.code ?? 'end'),
    });
    return this;
  }

  send(text: string): void {
    this.opened!.sink.data(Buffer.from(text));
  }
}

test('without a drill it is the source itself', () => {
  const stage = new Stage().start();
  stage.send('a');
  stage.opened!.sink.end();
  expect(stage.heard).toEqual(['a', 'end']);
  expect(stage.broken).toBe(0);
});

test.each([
  ['cut', 'UPSTREAM_CUT'],
  ['error', 'UPSTREAM_STATUS'],
] as const)('%s: it ends so, once, and what it still sends is not heard', async (fault, code) => {
  const stage = new Stage().start();
  stage.send('a');
  stage.faults.begin(fault, 0);
  stage.send('b');
  await stage.clock.advance(1);
  stage.opened!.sink.end();
  expect(stage.heard).toEqual(['a', code]);
  expect(stage.broken).toBe(1);
  await stage.source.close();
  expect(stage.opened!.closed).toBe(true);
});

test('one that is opened meanwhile is never asked for; one of another alternative is', async () => {
  const stage = new Stage();
  stage.faults.begin('cut', 0);
  stage.start();
  await stage.clock.advance(1);
  expect(stage.opened).toBeUndefined();
  expect(stage.heard).toEqual(['UPSTREAM_CUT']);
  const other = new Stage(1);
  other.faults.begin('cut', 0);
  other.start().send('a');
  expect(other.heard).toEqual(['a']);
});

test('stall: it is silent, and goes on if it was not given up', () => {
  const stage = new Stage().start();
  stage.faults.begin('stall', 0);
  stage.send('lost');
  stage.faults.end();
  stage.send('a');
  expect(stage.heard).toEqual(['a']);
  const late = new Stage();
  late.faults.begin('stall', 0);
  late.start();
  expect(late.opened).toBeUndefined();
  late.faults.end();
  late.send('b');
  expect(late.heard).toEqual(['b']);
});

test('closed, it says nothing, and a drill does nothing to it', async () => {
  const stage = new Stage().start();
  await stage.source.close();
  stage.faults.begin('cut', 0);
  await stage.clock.advance(1);
  stage.faults.end();
  expect(stage.heard).toEqual([]);
  expect(stage.broken).toBe(0);
});
