import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort, RedisServer } from '@streampool/testkit';
import { Redis } from 'ioredis';
import { RedisClusterState } from '../../src/redis.ts';
import { beat, definition, idOf } from '../contract/records.ts';

/** The deadline of calls where it must not matter that the machine is busy. */
const WAITING_MS = 3_000;

const servers: RedisServer[] = [];
const states: RedisClusterState[] = [];

afterEach(async () => {
  await Promise.all(states.splice(0).map((state) => state.close()));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function redis(options: Parameters<typeof RedisServer.start>[0] = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  servers.push(server);
  return server;
}

function connect(options: ConstructorParameters<typeof RedisClusterState>[0]): RedisClusterState {
  const state = new RedisClusterState(options);
  states.push(state);
  return state;
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

test('nobody there at the start: calls fail within their deadline, and work once somebody is', async () => {
  const server = await redis({ listen: 'tcp' });
  await server.kill();
  const state = connect({ url: server.url, timeoutMs: 300 });
  const startedAt = performance.now();
  await expect(state.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  await server.start();
  await eventually(() => state.ping());
});

test('a call made at once after the constructor waits for the connection', async () => {
  const server = await redis();
  const state = connect({ url: server.url });
  expect(await state.putStream(definition(1))).toEqual({ created: true });
});

test('killed and started again empty: fails fast in between, goes on afterwards', async () => {
  const server = await redis({ listen: 'tcp' });
  const state = connect({ url: server.url, timeoutMs: WAITING_MS });
  const { generation } = await state.heartbeat(beat('w1'));
  await server.kill();
  await eventually(async () => {
    const startedAt = performance.now();
    await expect(state.heartbeat(beat('w1'))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    expect(performance.now() - startedAt).toBeLessThan(WAITING_MS / 2);
  });
  await server.start();
  const reply = await eventually(() => state.heartbeat(beat('w1')));
  expect(reply.generation).not.toBe(generation);
  // Nothing was kept for later and delivered after its time.
  expect(await state.listWorkers()).toHaveLength(1);
});

test('a server that stands still is given up within the deadline, and used again when it moves', async () => {
  const server = await redis();
  const state = connect({ url: server.url, timeoutMs: 300 });
  await eventually(() => state.ping());
  server.stop();
  const startedAt = performance.now();
  await expect(state.getStream(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  server.continue();
  await eventually(() => state.ping());
});

test('while a server stands still only the first callers wait; beats are sent the moment it moves', async () => {
  const server = await redis();
  const state = connect({ url: server.url, timeoutMs: WAITING_MS });
  await state.heartbeat(beat('w1'));
  server.stop();
  await expect(state.getStream(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  const startedAt = performance.now();
  for (let i = 0; i < 50; i++) {
    await expect(state.getStream(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  }
  // All of them together had less than a few who wait would need.
  expect(performance.now() - startedAt).toBeLessThan(4 * WAITING_MS);
  // A beat has nothing better to do than to wait for the store, within its deadline.
  const beating = state.heartbeat(beat('w1'));
  server.continue();
  expect(await beating).toMatchObject({ stale: [] });
  expect(await state.getStream(idOf(1))).toBeUndefined();
});

test('nobody there at the start: only until the first deadline do calls wait', async () => {
  const state = connect({ url: `redis://127.0.0.1:${await freePort()}`, timeoutMs: 300 });
  await expect(state.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  const startedAt = performance.now();
  for (let i = 0; i < 50; i++) {
    await expect(state.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  }
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('closing does not wait for a server that stands still', async () => {
  const server = await redis();
  const state = connect({ url: server.url, timeoutMs: 300 });
  await eventually(() => state.ping());
  server.stop();
  await expect(state.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  const startedAt = performance.now();
  await state.close();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  await expect(state.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
});

test('closing before the connection is made waits for nothing, and keeps no timer', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const server = await redis();
  server.stop();
  const before = timers();
  const state = connect({ url: server.url, timeoutMs: 60_000 });
  const waiting = state.ping().catch((error: unknown) => error);
  expect(timers()).toBeGreaterThan(before);
  await state.close();
  expect(await waiting).toMatchObject({ code: 'STATE_UNAVAILABLE' });
  server.continue();
  // A socket that was never connected is looked after for 200 ms.
  await eventually(async () => expect(timers()).toBeLessThanOrEqual(before));
});

test('a wrong password is named as that, and not shown', async () => {
  const { port } = await redis({ listen: 'tcp', args: ['--requirepass', 'right'] });
  const state = connect({ url: `redis://:wr0ng@127.0.0.1:${port}`, timeoutMs: 20_000 });
  const error = await state.ping().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'STATE_UNAVAILABLE' });
  expect(String(error)).toMatch(/WRONGPASS/);
  expect(String(error)).not.toContain('wr0ng');
  const right = connect({ url: `redis://:right@127.0.0.1:${port}` });
  await right.ping();
});

test('TLS with a certificate authority of one’s own, and none without it', async () => {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'streampool-tls-'));
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ]);
  const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate];
  await redis({ args: ['--tls-port', `${port}`, '--tls-auth-clients', 'no', ...files] });
  const trusted = connect({ url: `rediss://localhost:${port}?ca=${certificate}` });
  await trusted.ping();
  const wary = connect({ url: `rediss://localhost:${port}`, timeoutMs: 500 });
  await expect(wary.ping()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  rmSync(directory, { recursive: true, force: true });
});

test('sentinels lead to the master, and to the next one after a failover', async () => {
  const master = await redis({ listen: 'tcp' });
  const second = await redis({ listen: 'tcp', args: ['--replicaof', '127.0.0.1', `${master.port}`] });
  const watch = await redis({ listen: 'tcp', sentinel: true });
  const sentinel = new Redis(watch.port);
  await sentinel.call('SENTINEL', 'MONITOR', 'pool', '127.0.0.1', `${master.port}`, '1');
  await sentinel.call('SENTINEL', 'SET', 'pool', 'down-after-milliseconds', '2500');
  await sentinel.call('SENTINEL', 'SET', 'pool', 'failover-timeout', '3000');
  await eventually(async () => {
    expect(await sentinel.call('SENTINEL', 'REPLICAS', 'pool')).toHaveLength(1);
  });
  const state = connect({ url: `redis+sentinel://127.0.0.1:${watch.port}/pool` });
  await state.putStream(definition(1));
  const replica = new Redis(second.port);
  await eventually(async () => {
    expect(await replica.exists(`definition:${idOf(1)}`)).toBe(1);
    // Without the replica's answer in hand the sentinel would not choose it.
    expect(await replica.info('replication')).toContain('master_link_status:up');
  });
  await master.kill();
  const found = await eventually(async () => {
    await state.putStream(definition(2));
    return state.getStream(idOf(1));
  });
  expect(found).toMatchObject({ id: idOf(1) });
  sentinel.disconnect();
  replica.disconnect();
});
