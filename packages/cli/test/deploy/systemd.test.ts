import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '@streampool/testkit';
import { ROOT, shipped, shippedIn } from './shipped.ts';

const units = shippedIn('deploy/systemd', '.service');
const directory = mkdtempSync(join(tmpdir(), 'streampool-units-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('systemd-analyze verify has nothing to say (apt-get install systemd)', async () => {
  const installed = units.map((path) => {
    // It looks for the programs as well.
    const unit = shipped(path).replaceAll('/opt/streampool/', ROOT);
    const file = join(directory, basename(path));
    writeFileSync(file, unit);
    return file;
  });
  const { code, stderr } = await run('systemd-analyze', ['verify', '--man=no', ...installed]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test.each(units)('%s: little that it could do is left to it', async (path) => {
  const { code, stdout } = await run('systemd-analyze', [
    'security',
    '--offline=true',
    '--threshold=30',
    '--no-pager',
    join(ROOT, path),
  ]);
  expect({ code, stdout: stdout.toString() }).toEqual({
    code: 0,
    stdout: expect.stringContaining('Overall'),
  });
});

test.each(units)('%s: stops in order, and is started again', (path) => {
  const unit = shipped(path);
  for (const line of ['KillMode=mixed', 'NoNewPrivileges=true', 'User=streampool']) {
    expect(unit).toContain(`\n${line}\n`);
  }
  // What was drained on purpose stays away; everything else comes back.
  expect(unit).toContain(`\nRestart=${path.includes('worker') ? 'on-failure' : 'always'}\n`);
  expect(Number(/^LimitNOFILE=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThanOrEqual(65_536);
});
