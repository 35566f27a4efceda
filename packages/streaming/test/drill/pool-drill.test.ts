import type { StreampoolError } from '@streampool/errors';
import { PoolDrill, SourceFaults } from '../../src/drill/index.ts';
import { ManualClock, settle } from '../manual-clock.ts';

function stage(possible = true) {
  const clock = new ManualClock();
  const faults = new SourceFaults(clock);
  const state = { isWell: true, isOver: false, told: [] as string[], done: false };
  const drill = new PoolDrill({
    ...{ faults, clock, index: () => 2 },
    isPossible: () => possible,
    report: (error: StreampoolError) => state.told.push(error.code),
    isWell: () => state.isWell,
    isOver: () => state.isOver,
  });
  const run = (fault: 'cut' | 'black' | 'silence', seconds: number): Promise<void> =>
    drill.run({ fault, seconds }).then(() => {
      state.done = true;
    });
  return { clock, faults, state, run };
}

test('the fault lasts as long as asked, and the answer waits until media goes out again', async () => {
  const { clock, faults, state, run } = stage();
  void run('cut', 5);
  await settle();
  expect(faults.of(2)).toBe('cut');
  expect(faults.of(0)).toBeUndefined();
  state.isWell = false;
  await clock.advance(4_900);
  expect(faults.of(2)).toBe('cut');
  await clock.advance(200);
  expect(faults.of(2)).toBeUndefined();
  await clock.advance(3_000);
  expect(state.done).toBe(false);
  state.isWell = true;
  await clock.advance(700);
  expect(state.done).toBe(true);
  expect(clock.pending).toBe(0);
});

test('it ends with the stream, and is not waited for without end', async () => {
  const ended = stage();
  void ended.run('cut', 60);
  await ended.clock.advance(1_000);
  ended.state.isOver = true;
  await ended.clock.advance(200);
  expect(ended.state.done).toBe(true);
  const lost = stage();
  lost.state.isWell = false;
  void lost.run('cut', 1);
  await lost.clock.advance(17_000);
  expect(lost.state.done).toBe(true);
});

test('pictures and sound are told to the detectors', async () => {
  const { clock, faults, state, run } = stage();
  void run('black', 1);
  await clock.advance(2_000);
  void run('silence', 1);
  await clock.advance(2_000);
  expect(state.told).toEqual(['SOURCE_BLACK', 'SOURCE_SILENT']);
  expect(faults.of(2)).toBeUndefined();
});

test('one at a time, and only where it is possible', async () => {
  const { run } = stage();
  void run('cut', 5);
  await expect(run('cut', 5)).rejects.toMatchObject({ code: 'DRILL_RUNNING' });
  await expect(stage(false).run('cut', 5)).rejects.toMatchObject({ code: 'DRILL_NOT_POSSIBLE' });
});
