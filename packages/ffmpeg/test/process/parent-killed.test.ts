import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deathSignalPrefix } from '@streampool/processes';
import { fakeFfmpeg, isAlive, until } from './fake-ffmpeg.ts';

const OWNER = fileURLToPath(new URL('./owner.ts', import.meta.url));

/** Starts a process that owns an FFmpeg, and tells both pids once there is output. */
async function startOwner(...args: string[]): Promise<{ owner: number; child: number }> {
  const owner = spawn(process.execPath, [OWNER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout!, 'data')) as [Buffer];
  return { owner: owner.pid!, child: Number(line.toString()) };
}

test('no FFmpeg outlives kill -9 of its parent', async () => {
  const { owner, child } = await startOwner(
    'ffmpeg',
    '-re',
    '-f',
    'lavfi',
    '-i',
    'testsrc2=s=64x64',
    '-f',
    'mpegts',
    'pipe:1',
  );
  expect(await isAlive(child)).toBe(true);
  process.kill(owner, 'SIGKILL');
  await until('FFmpeg to be gone', async () => !(await isAlive(child)));
});

test('not even one that writes nothing and ignores signals, where the kernel can be asked for it', async () => {
  if (deathSignalPrefix().length === 0) return;
  const fake = fakeFfmpeg(`trap '' TERM HUP INT PIPE; echo x; exec sleep 600`);
  const { owner, child } = await startOwner(fake);
  expect(execFileSync('ps', ['-o', 'comm=', '-p', String(child)], { encoding: 'utf8' })).toMatch(
    /sleep|fake/,
  );
  process.kill(owner, 'SIGKILL');
  await until('the child to be gone', async () => !(await isAlive(child)));
});
