import { pino } from 'pino';
import { InProcessScheduler, JITTER } from '../../src/scheduler/in-process-scheduler.ts';
import { FakeTimers, settle } from './fake-timers.ts';

let timers: FakeTimers;
let logged: Record<string, unknown>[];
let random: number;
let scheduler: InProcessScheduler;

beforeEach(() => {
  timers = new FakeTimers();
  logged = [];
  random = 0.5;
  const log = pino({ level: 'debug' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  scheduler = new InProcessScheduler({ log, timers, random: () => random, closeDeadlineMs: 100 });
});

/** A job whose runs end when the test says so. */
function heldJob() {
  const runs: { signal: AbortSignal; end: () => void; fail: (error: Error) => void }[] = [];
  const job = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => runs.push({ signal, end: resolve, fail: reject }));
  return { runs, job };
}

test('a job runs once per interval', async () => {
  const startedAt: number[] = [];
  scheduler.every('sweep', 1_000, async () => void startedAt.push(timers.now()));
  await timers.advance(3_500);
  expect(startedAt).toEqual([1_000, 2_000, 3_000]);
  expect(scheduler.figures()).toEqual([
    { name: 'sweep', runs: 3, failures: 0, timeouts: 0, running: false, lastDurationMs: 0 },
  ]);
});

test('runs are spread by a part of the interval, both ways', async () => {
  const startedAt: number[] = [];
  random = 0;
  scheduler.every('early', 1_000, async () => void startedAt.push(timers.now()));
  await timers.advance(1_000);
  expect(startedAt).toEqual([1_000 * (1 - JITTER)]);
  random = 1;
  scheduler.every('late', 1_000, async () => void startedAt.push(timers.now()));
  await timers.advance(1_000 * (1 + JITTER));
  expect(startedAt.at(-1)).toBe(1_000 + 1_000 * (1 + JITTER));
});

test('the first run can be at once', async () => {
  let runs = 0;
  scheduler.every('boot', 60_000, async () => void runs++, { firstAfterMs: 0 });
  await timers.advance(0);
  expect(runs).toBe(1);
});

test('a run that takes longer than the interval is not joined by another', async () => {
  const { runs, job } = heldJob();
  scheduler.every('slow', 1_000, job, { deadlineMs: 60_000 });
  await timers.advance(5_000);
  expect(runs).toHaveLength(1);
  expect(scheduler.figures()[0]).toMatchObject({ running: true, runs: 1 });
  runs[0]?.end();
  await timers.advance(0);
  expect(runs).toHaveLength(2);
  runs[1]?.end();
  await timers.advance(999);
  expect(runs).toHaveLength(2);
  await timers.advance(1);
  expect(runs).toHaveLength(3);
});

test('a run past its deadline is told to stop, and counted once', async () => {
  const { runs, job } = heldJob();
  scheduler.every('stuck', 1_000, job, { deadlineMs: 300 });
  await timers.advance(1_299);
  expect(runs[0]?.signal.aborted).toBe(false);
  await timers.advance(1);
  expect(runs[0]?.signal.aborted).toBe(true);
  expect(String(runs[0]?.signal.reason)).toContain('300 ms');
  expect(logged).toMatchObject([{ level: 40, job: 'stuck', deadlineMs: 300 }]);
  // It does not heed its signal: nothing else starts until it ends.
  await timers.advance(10_000);
  expect(runs).toHaveLength(1);
  runs[0]?.end();
  await timers.advance(100);
  expect(runs).toHaveLength(2);
  expect(scheduler.figures()[0]).toMatchObject({ timeouts: 1, failures: 1 });
});

test('an outage of the state is told of once, and again when there was none in between', async () => {
  const away = (): Promise<void> =>
    Promise.reject(Object.assign(new Error('away'), { code: 'STATE_UNAVAILABLE' }));
  const outcomes = [away, away, async () => {}, away];
  scheduler.every('beat', 1_000, () => outcomes.shift()?.() ?? Promise.resolve());
  await timers.advance(5_000);
  expect(logged.map(({ level }) => level)).toEqual([50, 20, 50]);
});

test('a failing run is logged without credentials, counted, and followed by the next', async () => {
  scheduler.every('broken', 1_000, async () => {
    throw Object.assign(new Error('GET http://x.example/?token=hush failed'), { code: 'UPSTREAM_CUT' });
  });
  await timers.advance(2_000);
  expect(scheduler.figures()[0]).toMatchObject({ runs: 2, failures: 2, timeouts: 0 });
  expect(logged).toHaveLength(2);
  expect(logged[0]).toMatchObject({ level: 50, job: 'broken', code: 'UPSTREAM_CUT' });
  expect(JSON.stringify(logged)).not.toContain('hush');
});

test('giving a name again replaces the job', async () => {
  const runs: string[] = [];
  scheduler.every('job', 1_000, async () => void runs.push('old'));
  scheduler.every('job', 500, async () => void runs.push('new'));
  await timers.advance(1_100);
  expect(runs).toEqual(['new', 'new']);
  expect(scheduler.figures()).toHaveLength(1);
});

test('closing aborts what runs, waits for it, and starts nothing more', async () => {
  const { runs, job } = heldJob();
  scheduler.every('job', 1_000, job);
  await timers.advance(1_000);
  let closed = false;
  const closing = scheduler.close().then(() => {
    closed = true;
  });
  await settle();
  expect(runs[0]?.signal.aborted).toBe(true);
  expect(closed).toBe(false);
  runs[0]?.end();
  await closing;
  await scheduler.close();
  scheduler.every('too late', 1, job);
  await timers.advance(10_000);
  expect(runs).toHaveLength(1);
  expect(timers.pending).toBe(0);
  expect(logged).toEqual([]);
});

test('closing does not wait for ever', async () => {
  const { job } = heldJob();
  scheduler.every('deaf', 1_000, job, { deadlineMs: 60_000 });
  await timers.advance(1_000);
  const closing = scheduler.close();
  await timers.advance(100);
  await closing;
  expect(logged).toMatchObject([{ level: 40, jobs: ['deaf'] }]);
});

test('an abort on closing is no failure', async () => {
  scheduler.every(
    'polite',
    1_000,
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  await timers.advance(1_000);
  await scheduler.close();
  expect(scheduler.figures()[0]).toMatchObject({ failures: 0 });
  expect(logged).toEqual([]);
});

test('whoever wants to know is told of each run, how long it took and how it ended', async () => {
  const told: [string, number, string][] = [];
  const log = pino({ level: 'silent' });
  scheduler = new InProcessScheduler({ log, timers, random: () => 0.5, onRun: (...run) => told.push(run) });
  const { runs, job } = heldJob();
  scheduler.every('sweep', 1_000, job, { deadlineMs: 500 });
  await timers.advance(1_000);
  await timers.advance(200);
  runs[0]!.end();
  await timers.advance(1_000);
  runs[1]!.fail(new Error('no'));
  await timers.advance(1_600);
  runs[2]!.end();
  await settle();
  expect(told.map(([name, , outcome]) => [name, outcome])).toEqual([
    ['sweep', 'ok'],
    ['sweep', 'failed'],
    ['sweep', 'timeout'],
  ]);
  expect(told[0]![1]).toBe(200);
});
