import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive, runOk, waitFor } from '@streampool/testkit';

const MAIN = fileURLToPath(new URL('../../../../scripts/cluster-processes/main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'streampool-local-cluster-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('scripts/cluster: it says what runs when all of it is ready, and goes down without a trace', async () => {
  const { PATH, HOME, TMPDIR } = process.env;
  const env = { PATH, HOME, TMPDIR, STREAMPOOL_DATA_DIR: directory, HARDWARE_ENCODERS: 'none' };
  const file = join(directory, 'cluster.json');
  const args = [MAIN, 'up', '--gateways', '1', '--workers', '1'];
  const up = spawn(process.execPath, args, { env, cwd: directory, stdio: 'ignore' });
  const ended = once(up, 'exit');
  try {
    await waitFor(() => existsSync(file), { timeoutMs: 60_000, what: 'cluster.json' });
    const { redisUrl, gateways, workers } = JSON.parse(readFileSync(file, 'utf8'));
    expect(redisUrl).toMatch(/^redis:\/\/127\.0\.0\.1:\d+\/0$/);
    expect([gateways.length, workers.length]).toEqual([1, 1]);
    const nodes: { id: string; pid: number; url: string }[] = [...gateways, ...workers];
    for (const { url } of nodes) expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const stdout = String((await runOk(process.execPath, [MAIN, 'status'], { env })).stdout);
    for (const { id } of nodes) expect(stdout).toContain(id);

    up.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
    for (const { pid } of nodes) expect(isAlive(pid)).toBe(false);
    expect(existsSync(file)).toBe(false);
  } finally {
    up.kill('SIGKILL');
  }
});
