import { processStartTicks, type SqliteClusterState } from '@streampool/state';
import { pino } from 'pino';
import { removeEndedWorkers } from '../../src/processes/predecessors.ts';
import { ProcessReaper } from '../../src/processes/process-reaper.ts';
import { lookUpProcess } from '../../src/processes/process-table.ts';
import { Reaper } from '../../src/reaper/reaper.ts';
import { FakeTimers, settle } from '../scheduler/fake-timers.ts';
import { beat, definition, LEASE_MS, openStore } from '../store.ts';
import { type Family, killHard, startFamily } from './fixtures.ts';

const log = pino({ level: 'silent' });
let state: SqliteClusterState;
let advance: (ms: number) => Promise<void>;
let family: Family | undefined;

beforeEach(async () => {
  ({ state, advance } = openStore());
  await state.putStream(definition('s'));
});

afterEach(async () => {
  family?.end();
  family = undefined;
  await state.close();
});

const isRunning = (pid: number): boolean => (lookUpProcess(pid)?.state ?? 'Z') !== 'Z';

/** The worker `w1` of this host, with a live FFmpeg; it is the family's parent. */
async function own(of: Family): Promise<void> {
  await state.heartbeat(beat('w1', { worker: { pid: of.parent.pid as number } }));
  const { epoch } = await state.claim('s', { id: 'w1', host: 'here' });
  await state.report({
    streamId: 's',
    epoch,
    state: 'live',
    ffmpegPid: of.pid,
    ffmpegStartTicks: processStartTicks(of.pid) as number,
  });
}

test('the FFmpeg of a worker that was killed is ended with its group, once the worker is found dead', async () => {
  family = await startFamily();
  await own(family);
  await killHard(family.parent);
  const processes = new ProcessReaper({ state, host: 'here', log });
  expect(await processes.run()).toBe(0);
  expect(isRunning(family.pid)).toBe(true);
  await advance(LEASE_MS + 1);
  await new Reaper({ state, log }).run();
  const elsewhere = new ProcessReaper({ state, host: 'elsewhere', log });
  expect(await elsewhere.run()).toBe(0);
  expect(isRunning(family.pid)).toBe(true);
  expect(await processes.run()).toBe(1);
  expect(isRunning(family.pid)).toBe(false);
  // The same signal went to the whole group; the child may be a moment later.
  const deadline = Date.now() + 30_000;
  while (isRunning(family.childPid) && Date.now() < deadline) await settle();
  expect(isRunning(family.childPid)).toBe(false);
  expect(await state.orphanProcesses('here')).toEqual([]);
  expect(processes.killed).toBe(1);
});

test('a process that starts on the same host finds its killed predecessor without waiting', async () => {
  family = await startFamily();
  await own(family);
  await state.heartbeat(beat('far', { worker: { host: 'elsewhere', pid: 2 ** 22 - 1 } }));
  expect(await removeEndedWorkers(state, { host: 'here' })).toEqual([]);
  await killHard(family.parent);
  expect(await removeEndedWorkers(state, { host: 'here' })).toEqual(['w1']);
  expect((await state.listWorkers()).map(({ id }) => id)).toEqual(['far']);
  expect(await new ProcessReaper({ state, host: 'here', log }).run()).toBe(1);
  expect(isRunning(family.pid)).toBe(false);
});

test('one that ignores SIGTERM is killed', async () => {
  family = await startFamily({ deaf: true });
  await own(family);
  await killHard(family.parent);
  await removeEndedWorkers(state, { host: 'here' });
  // Two seconds of grace, in fake time; whether the process is there is looked up for real.
  const timers = new FakeTimers();
  const run = new ProcessReaper({ state, host: 'here', log, timers }).run();
  await timers.advance(1_900);
  expect(isRunning(family.pid)).toBe(true);
  await timers.advance(150);
  // Fake time must not run out while a real process on a busy machine takes its real time to die.
  await untilGone(family.pid);
  await timers.advance(100);
  expect(await run).toBe(1);
});

test('a process that only has the pid is left alone', async () => {
  family = await startFamily();
  await own(family);
  await state.report({ streamId: 's', epoch: 1, ffmpegStartTicks: 1 });
  await killHard(family.parent);
  await removeEndedWorkers(state, { host: 'here' });
  expect(await new ProcessReaper({ state, host: 'here', log }).run()).toBe(0);
  expect(isRunning(family.pid)).toBe(true);
  expect(await state.orphanProcesses('here')).toEqual([]);
});

test('a process that is no pool’s FFmpeg is left alone', async () => {
  family = await startFamily({ marks: ['-i', 'http://provider.example/'] });
  await own(family);
  await killHard(family.parent);
  await removeEndedWorkers(state, { host: 'here' });
  expect(await new ProcessReaper({ state, host: 'here', log }).run()).toBe(0);
  expect(isRunning(family.pid)).toBe(true);
});

test('a stuck owner that lives gets its grace, then its FFmpeg is ended for it', async () => {
  family = await startFamily();
  await own(family);
  await advance(LEASE_MS + 1);
  await state.claim('s', { id: 'w2', host: 'elsewhere' });
  const timers = new FakeTimers();
  const processes = new ProcessReaper({ state, host: 'here', log, graceMs: 5_000, timers });
  expect(await processes.run()).toBe(0);
  await timers.advance(4_999);
  expect(await processes.run()).toBe(0);
  expect(isRunning(family.pid)).toBe(true);
  await timers.advance(1);
  const run = processes.run();
  await timers.advance(0);
  await untilGone(family.pid);
  await timers.advance(100);
  expect(await run).toBe(1);
});

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (isRunning(pid) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isRunning(pid)).toBe(false);
}
