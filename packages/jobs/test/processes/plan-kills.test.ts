import type { OrphanProcess } from '@streampool/state';
import { isPoolFfmpeg, type KillPolicy, planKills } from '../../src/processes/plan-kills.ts';
import type { ProcessInfo } from '../../src/processes/process-table.ts';

const args = [
  'ffmpeg',
  '-nostdin',
  '-progress',
  'pipe:3',
  '-i',
  'http://127.0.0.1:40001/t0ken',
  '-f',
  'mpegts',
  'pipe:1',
];
const orphan: OrphanProcess = {
  host: 'here',
  pid: 500,
  startTicks: 7_000,
  streamId: 's',
  owner: 'w1',
  ownerPid: 400,
  sinceMs: 0,
};
const running: ProcessInfo = { pid: 500, ppid: 1, group: 500, state: 'S', startTicks: 7_000, args };

function planFor(
  process: Partial<ProcessInfo> | undefined,
  policy: Partial<KillPolicy> = {},
  of: OrphanProcess = orphan,
) {
  return planKills([of], {
    lookUp: () => process && { ...running, ...process },
    knownForMs: () => 0,
    graceMs: 10_000,
    ...policy,
  });
}

test('an FFmpeg whose parent has ended is killed at once', () => {
  expect(planFor({})).toEqual([{ type: 'kill', orphan, process: running }]);
});

test.each<[string, Partial<ProcessInfo> | undefined, OrphanProcess]>([
  ['it has ended', undefined, orphan],
  ['it is a zombie', { state: 'Z' }, orphan],
  ['the pid was given to another process', { startTicks: 7_001 }, orphan],
  ['it is another program', { args: ['sshd'] }, orphan],
  ['its start was never known', {}, { ...orphan, startTicks: undefined } as unknown as OrphanProcess],
])('nothing is killed when %s', (_, process, of) => {
  expect(planFor(process, {}, of)).toMatchObject([{ type: 'forget', pid: 500 }]);
});

test('a parent that still lives gets its time to end it itself', () => {
  const { ownerPid } = orphan;
  expect(planFor({ ppid: ownerPid as number }, { knownForMs: () => 9_999 })).toEqual([]);
  expect(planFor({ ppid: ownerPid as number }, { knownForMs: () => 10_000 })).toMatchObject([
    { type: 'kill' },
  ]);
});

test('a process of a pool of our own is spared', () => {
  expect(planFor({}, { spare: (pid) => pid === 500 })).toEqual([]);
});

test.each([
  [true, args],
  [true, ['/opt/ffmpeg/bin/ffmpeg', ...args.slice(1)]],
  [true, ['setpriv', '--pdeathsig', 'KILL', ...args]],
  [false, ['ffmpeg', '-i', 'http://127.0.0.1:1/x']],
  [false, ['ffmpeg', '-progress', 'pipe:3', '-i', 'http://provider.example/x']],
  [false, ['ffmpeg', '-progress', 'pipe:3', '-i', 'http://127.0.0.1.example:80/x']],
  [false, ['bash', '-c', 'ffmpeg -progress pipe:3 -i http://127.0.0.1:1/x']],
  [false, []],
])('is it an FFmpeg of a pool: %s', (expected, command) => {
  expect(isPoolFfmpeg(command)).toBe(expected);
});
