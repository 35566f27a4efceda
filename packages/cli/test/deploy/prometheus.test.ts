import { join } from 'node:path';
import { run } from '@streampool/testkit';
import { ROOT } from './shipped.ts';

test('promtool accepts the scrape configuration (apt-get install prometheus)', async () => {
  const file = join(ROOT, 'deploy/prometheus/prometheus.yml');
  // The token's file is there only where it runs.
  const { code, stdout, stderr } = await run('promtool', ['check', 'config', '--syntax-only', file]);
  expect({ code, said: `${stdout}${stderr}` }).toEqual({ code: 0, said: expect.stringContaining('valid') });
});
