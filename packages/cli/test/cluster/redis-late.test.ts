import { RedisClusterState } from '@streampool/state/redis';
import {
  api,
  createStream,
  FakeProvider,
  freePort,
  makeSample,
  Player,
  RedisServer,
  type StreampoolProcess,
  startStreampool,
  waitFor,
} from '@streampool/testkit';
import { TIMES } from '../e2e/stage.ts';

let redis: RedisServer;
let provider: FakeProvider;
/** Ready, or given up: then they are ended already. */
let starting: Promise<StreampoolProcess[]> | undefined;

beforeAll(async () => {
  redis = await RedisServer.start({ listen: 'tcp' });
  // Its port is known and refuses connections.
  await redis.kill();
  provider = await FakeProvider.start();
});
afterAll(async () => {
  // Without Redis they would be waited for until they are given up.
  await redis?.start();
  await Promise.all(((await starting?.catch(() => [])) ?? []).map((node) => node.stop()));
  await provider?.close();
  await redis?.close();
});

function start(role: 'gateway' | 'worker', port: number): Promise<StreampoolProcess> {
  const env = {
    ...TIMES,
    REDIS_URL: redis.url,
    INTERNAL_TOKEN: 'a-secret-of-this-test',
    WORKER_ID: role,
    HEARTBEAT_INTERVAL: '1',
    HARDWARE_ENCODERS: 'none',
  };
  return startStreampool({ args: [role], port, env });
}

test('nodes that start before Redis come up, say why they are not ready, and join when it is there', async () => {
  const ports = [await freePort(), await freePort()] as const;
  starting = Promise.all([start('worker', ports[0]), start('gateway', ports[1])]);
  starting.catch(() => {});
  for (const port of ports) {
    const node = { url: `http://127.0.0.1:${port}` };
    const answer = await waitFor(() => api(node, 'GET', '/readyz').catch(() => undefined), {
      timeoutMs: 80_000,
      what: 'an answer of /readyz without Redis',
    });
    expect(answer).toMatchObject({ status: 503, body: { code: 'STATE_UNAVAILABLE' } });
    expect(answer.text).toMatch(/Redis cannot be reached/);
    expect((await api(node, 'GET', '/healthz')).status).toBe(200);
  }

  await redis.start();
  const [, gateway] = await starting;
  const state = new RedisClusterState({ url: redis.url });
  await waitFor(async () => (await state.listWorkers()).length === 2, { what: 'both being registered' });
  const sample = await makeSample({ seconds: 4, gopSeconds: 1, videoKbps: 1_400, constantRate: true });
  provider.live('/live.ts', sample, { start: 'keyframe' });
  const { id } = await createStream(gateway!, 'streams', { url: provider.url('/live.ts'), shared: true });
  const player = new Player(`${gateway!.url}/stream/${id}`);
  try {
    await player.waitForMedia(1);
    await waitFor(async () => (await state.getStream(id))?.owner === 'worker', { what: 'an owner' });
    await waitFor(async () => (await state.getStream(id))?.viewers === 1, { what: 'a viewer' });
  } finally {
    await player.close();
    await state.close();
  }
});
