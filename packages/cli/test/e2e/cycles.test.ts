import { runCycles } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage({ env: { LOG_LEVEL: 'warn' }, watchTimers: true });

// `scripts/bench/cycles` runs 500 of them.
test('viewers come and go, FFmpegs are killed: no process, socket, file or timer is left', async () => {
  const result = await runCycles(stage.server, { cycles: 40, atOnce: 6, seed: 1 });
  expect(result.leaks).toEqual([]);
  expect(result.pictures).toBeGreaterThan(result.viewers / 10);
});
