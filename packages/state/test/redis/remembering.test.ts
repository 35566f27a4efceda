import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer } from '@streampool/testkit';
import { RememberingState } from '../../src/index.ts';
import { RedisClusterState } from '../../src/redis.ts';
import { beat, definition, idOf } from '../contract/records.ts';

const PATIENCE_MS = 200;
const DEADLINE_MS = 4_000;

let server: RedisServer;
let node: RememberingState;

beforeEach(async () => {
  server = await RedisServer.start({ listen: 'tcp' });
  node = new RememberingState({
    state: new RedisClusterState({ url: server.url, timeoutMs: DEADLINE_MS }),
    patienceMs: PATIENCE_MS,
  });
  await node.putStream(definition(1));
  await node.heartbeat(beat('w1'));
  await node.claim(idOf(1), { id: 'w1', host: 'host-of-w1' });
  await look();
});

afterEach(async () => {
  await node.close();
  await server.close();
});

/** What a first viewer makes a node ask. */
async function look(): Promise<void> {
  expect(await node.getDefinition(idOf(1))).toEqual(definition(1));
  expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1 });
  expect(await node.listWorkers()).toMatchObject([{ id: 'w1' }]);
}

/** Tries until it works; the deadline is the test's. */
async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 40_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(20);
    }
  }
}

test('a Redis that stands still: answers from memory, soon at once, and the truth when it moves', async () => {
  server.stop();
  const startedAt = performance.now();
  await look();
  expect(performance.now() - startedAt).toBeLessThan(DEADLINE_MS);
  // Once somebody has waited in vain for the full deadline, nobody waits any more.
  await expect(node.sweep()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  const soonAt = performance.now();
  for (let i = 0; i < 20; i++) await look();
  expect(performance.now() - soonAt).toBeLessThan(20 * PATIENCE_MS);
  server.continue();
  const streams = [{ streamId: idOf(1), epoch: 1, state: 'live' as const }];
  await eventually(() => node.heartbeat(beat('w1', { streams })));
  expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1, state: 'live' });
});

test('a Redis that is killed, and comes back empty', async () => {
  await server.kill();
  await eventually(() => expect(node.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' }));
  await look();
  await server.start();
  await eventually(() => node.ping());
  // Before anybody has beaten in the new life.
  await look();
  const streams = [{ streamId: idOf(1), epoch: 1, state: 'live' as const }];
  expect(await node.heartbeat(beat('w1', { streams }))).toMatchObject({ missing: [], stale: [] });
  expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1, state: 'live' });
});

test('FLUSHALL: the next beat gives back what the node used', async () => {
  await server.flush();
  await node.heartbeat(beat('w1'));
  await eventually(async () => expect(await server.command('EXISTS', `definition:${idOf(1)}`)).toBe(':1'));
  await look();
});
