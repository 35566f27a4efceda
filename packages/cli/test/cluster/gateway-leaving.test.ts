import { waitFor } from '@streampool/testkit';
import { ClusterStage, expectUndisturbed } from './cluster-stage.ts';

/** A notice that is waited for. */
const NOTICE_MS = 5_000;
/** One that would be missed: much longer than a gateway on a busy machine takes to end. */
const LONG_NOTICE_MS = 60_000;

const stage = new ClusterStage();
beforeAll(() => stage.open({ gateways: 2, workers: 1, env: { SHUTDOWN_NOTICE: `${LONG_NOTICE_MS}ms` } }));
beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(() => stage.hangUp());
afterAll(() => stage.close());

let givenMs = LONG_NOTICE_MS;
/** Viewers of a gateway that gives notice for so long when it leaves, and of one that stays. */
async function watching(name: string, noticeMs: number) {
  const [leaving, staying] = stage.gateways as [(typeof stage.gateways)[0], (typeof stage.gateways)[0]];
  if (noticeMs !== givenMs) {
    await leaving.kill();
    leaving.configure({ SHUTDOWN_NOTICE: `${noticeMs}ms` });
    givenMs = noticeMs;
  }
  await stage.repair();
  const url = stage.provider.url(`/live.ts?${name}`);
  const { id } = await stage.create('streams', { url, shared: true });
  const [there, elsewhere] = await stage.audience([leaving, staying], id, 2);
  return { id, leaving, staying, there: there!, elsewhere: elsewhere! };
}

test('whoever is in a hurry waits for no notice: SIGINT, a second SIGTERM, and the last gateway', async () => {
  const { leaving, staying, there } = await watching('hurry', LONG_NOTICE_MS);
  const begun = performance.now();
  process.kill(leaving.pid, 'SIGTERM');
  await waitFor(async () => (await fetch(`${leaving.url}/readyz`)).status === 503);
  // Within 300 ms it would be the same signal, passed on twice.
  await waitFor(() => performance.now() - begun > 400);
  process.kill(leaving.pid, 'SIGTERM');
  expect(await there.ended).toBe('fin');
  expect(performance.now() - begun).toBeLessThan(LONG_NOTICE_MS);
  await waitFor(() => !leaving.running, { what: 'the end of the gateway' });

  const last = performance.now();
  expect(await staying.stop(LONG_NOTICE_MS)).toBe(0);
  expect(performance.now() - last).toBeLessThan(LONG_NOTICE_MS);

  await Promise.all([leaving.start(), staying.start()]);
  const interrupted = performance.now();
  process.kill(leaving.pid, 'SIGINT');
  await waitFor(() => !leaving.running, { what: 'the end of the gateway' });
  expect(performance.now() - interrupted).toBeLessThan(LONG_NOTICE_MS);
});

test('a gateway gives notice: probes and new viewers are turned away at once, viewers that are there watch on, and end properly', async () => {
  const { id, leaving, there, elsewhere } = await watching('notice', NOTICE_MS);
  const begun = performance.now();
  const code = leaving.stop();
  await waitFor(async () => (await fetch(`${leaving.url}/readyz`)).status === 503);
  const refused = await fetch(`${leaving.url}/stream/${id}`);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await refused.json()).toMatchObject({ code: 'SHUTTING_DOWN' });
  expect((await fetch(`${leaving.url}/healthz`)).status).toBe(200);
  await waitFor(
    async () =>
      (await stage.state.listWorkers()).find((node) => node.id === leaving.name)?.status === 'draining',
  );
  expectUndisturbed([there, elsewhere]);
  expect(await there.ended).toBe('fin');
  expect(performance.now() - begun).toBeGreaterThan(NOTICE_MS - 100);
  expect(await code).toBe(0);
  // Its viewer comes back elsewhere, at once.
  const again = stage.play(stage.gateways[1]!, id);
  await again.waitForMedia(1);
  expectUndisturbed([elsewhere, again]);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, max: 1 });
});

test('an operator’s drain ends a gateway in the same way', async () => {
  const { leaving, there, elsewhere } = await watching('drained', NOTICE_MS);
  const answer = await fetch(`${stage.gateways[1]!.url}/workers/${leaving.name}/drain`, { method: 'POST' });
  expect(answer.status).toBe(200);
  expect(await there.ended).toBe('fin');
  await waitFor(() => !leaving.running, { what: 'the end of the gateway' });
  expectUndisturbed([elsewhere]);
});
