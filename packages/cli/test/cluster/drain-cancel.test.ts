import { waitFor } from '@streampool/testkit';
import { drainCommand } from '../../src/commands/drain.ts';
import { pause } from '../../src/serve/pause.ts';
import { ClusterStage, expectUndisturbed } from './cluster-stage.ts';

const DRAIN_TIMEOUT_MS = 6_000;

const stage = new ClusterStage();
beforeAll(() => stage.open({ gateways: 1, workers: 2, env: { DRAIN_TIMEOUT: `${DRAIN_TIMEOUT_MS}ms` } }));
afterEach(() => stage.repair());
afterAll(() => stage.close());

async function drain(
  worker: string,
  options: { cancel?: true; wait?: string; json?: true } = {},
): Promise<string> {
  let written = '';
  const output = { write: (text: string) => (written += text), on: () => {} };
  const { signal } = new AbortController();
  const surroundings = { output, signal, now: Date.now, sleep: pause };
  await drainCommand(worker, { url: stage.gateways[0]!.url, ...options }, surroundings);
  return written;
}

test('a worker that has begun to drain stays when it is wanted again, and takes streams', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url('/live.ts');
  const worker = stage.workers[0]!;
  // Its own viewer holds the drain up: a direct stream cannot be handed over.
  const held = await stage.create('streams', { url: `${url}?held` });
  const shared = await stage.create('streams', { url: `${url}?shared`, shared: true });
  const [viewer] = await stage.audience([worker], held.id, 1);
  const [handedOver] = await stage.audience([worker], shared.id, 1);
  const readiness = async (): Promise<number> => (await fetch(`${worker.url}/readyz`)).status;
  const ordered = performance.now();
  expect(await drain(worker.name)).toMatch(/^worker-0 is draining: /);
  await waitFor(async () => (await readiness()) === 503, { what: 'a worker that lets nobody in' });
  await waitFor(async () => (await stage.record(shared.id)).owner === stage.workers[1]!.name, {
    what: 'the stream at the other worker',
  });

  expect(await drain(worker.name, { cancel: true })).toBe('worker-0 takes streams again.\n');
  await waitFor(async () => (await readiness()) === 200, { what: 'a worker that lets viewers in' });
  await waitFor(() => performance.now() - ordered > DRAIN_TIMEOUT_MS + 500, {
    timeoutMs: DRAIN_TIMEOUT_MS + 20_000,
  });
  expect(worker.running).toBe(true);
  const next = await stage.create('streams', { url: `${url}?next`, shared: true });
  const [newcomer] = await stage.audience([worker], next.id, 1);
  await stage.waitForRecord(next.id, { owner: worker.name });
  expectUndisturbed([viewer!, handedOver!, newcomer!]);

  // It can be drained again, to its end.
  await stage.hangUp();
  await drain(worker.name);
  await waitFor(() => !worker.running, {
    timeoutMs: DRAIN_TIMEOUT_MS + 30_000,
    what: 'the end of the worker',
  });
  // Handed over is neither ended nor started anew.
  const events = await stage.state.readEvents({ streamId: shared.id });
  const lives = events.map(({ type }) => type).filter((type) => /^(?:stream|owner)_/.test(type));
  expect(lives.slice(0, 2)).toEqual(['stream_started', 'owner_changed']);
  expect(lives.slice(2).filter((type) => type !== 'stream_stopped')).toEqual([]);
});

test('streampool drain hands a worker’s streams over, and waits for its end', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?drain'), shared: true });
  const players = await stage.audience(stage.gateways, id, 4);
  const owner = await stage.ownerOf(id);
  expect(JSON.parse(await drain(owner.name, { wait: '60', json: true }))).toMatchObject({
    worker_id: owner.name,
    outcome: expect.stringMatching(/gone|empty/),
  });
  await waitFor(() => !owner.running, { what: 'the end of the worker' });
  expect((await stage.record(id)).owner).not.toBe(owner.name);
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expectUndisturbed(players);
});
