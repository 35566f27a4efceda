import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, probe, processesMarked, run, sendSignal, waitFor } from '@streampool/testkit';

const START = fileURLToPath(new URL('../../../../scripts/start', import.meta.url));

test('scripts/start --demo: what it prints can be watched, and Ctrl-C ends everything', async () => {
  const mark = randomUUID();
  const dataDir = mkdtempSync(join(tmpdir(), 'streampool-demo-'));
  const port = await freePort();
  const child = spawn(START, ['--demo'], {
    env: {
      ...process.env,
      PORT: `${port}`,
      HOST: '127.0.0.1',
      STREAMPOOL_DATA_DIR: dataDir,
      DEMO_MARK: mark,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own, as a terminal gives it
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  try {
    await waitFor(() => output.includes('Ctrl-C'), {
      timeoutMs: 60_000,
      what: () => `its words:\n${output}`,
    });
    for (const name of ['proxied', 'transcoded']) {
      const [, url] = new RegExp(`${name} +(http\\S+)`).exec(output) ?? [];
      const { streams } = await probe(url!);
      expect(streams.map(({ codec_name }) => codec_name).sort()).toEqual(['aac', 'h264']);
      // What players begin with can be decoded from the first byte on: they have nothing to complain of.
      const played = await run('ffmpeg', ['-v', 'error', '-i', url!, '-t', '1', '-f', 'null', '-']);
      expect([played.code, played.stderr]).toEqual([0, '']);
    }
    process.kill(-child.pid!, 'SIGINT');
    expect(await exited).toBe(0);
    await waitFor(() => processesMarked('DEMO_MARK', mark).length === 0);
  } finally {
    for (const { pid } of processesMarked('DEMO_MARK', mark)) sendSignal(pid, 'SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
});
