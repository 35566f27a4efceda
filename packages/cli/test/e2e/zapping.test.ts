import { ffmpegsOf, runZapping, sendSignal } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage({ env: { LOG_LEVEL: 'info', SHARED_STREAM_TIMEOUT: '10' } });

// `scripts/bench/zapping` makes 500 steps, in a cluster too.
test('whatever viewers and sources do, the provider never sees a connection too many, and no slot is left', async () => {
  const kill = async (random: () => number): Promise<string | undefined> => {
    const running = ffmpegsOf(stage.server.pid);
    const victim = running[Math.floor(random() * running.length)];
    return victim && sendSignal(victim.pid, 'SIGKILL') ? 'ffmpeg' : undefined;
  };
  const site = { api: stage.server, doors: () => [stage.server], kill };
  const plan = { steps: 60, seed: 7, maxConnections: 2, viewers: 3, pauseMs: 300, settleMs: 30_000 };
  const result = await runZapping(site, plan);
  expect(result).toMatchObject({ leakedSlots: 0, leakedConnections: 0 });
  expect(result.mostAtOnce).toBe(2);
  expect(result.pictures).toBeGreaterThan(10);
});
