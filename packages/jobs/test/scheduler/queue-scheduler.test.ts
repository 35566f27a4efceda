import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer } from '@streampool/testkit';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { QueueScheduler } from '../../src/scheduler/queue-scheduler.ts';

const INTERVAL_MS = 200;

let server: RedisServer;
let nodes: QueueScheduler[];
let logged: Record<string, unknown>[];

beforeEach(async () => {
  server = await RedisServer.start();
  nodes = [];
  logged = [];
});

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await server.close();
});

function node(): QueueScheduler {
  const log = pino({ level: 'warn' }, { write: (line: string) => logged.push(JSON.parse(line)) });
  const scheduler = new QueueScheduler({ url: server.url, log, prefix: 'test:' });
  nodes.push(scheduler);
  return scheduler;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not come to pass');
    await sleep(10);
  }
}

test('of three nodes one runs the job, once per interval, never two at once', async () => {
  const startedAt: number[] = [];
  const perNode = [0, 0, 0];
  let running = 0;
  let most = 0;
  for (let i = 0; i < 3; i++) {
    node().every('sweep', INTERVAL_MS, async () => {
      startedAt.push(performance.now());
      perNode[i] = (perNode[i] as number) + 1;
      most = Math.max(most, ++running);
      await sleep(20);
      running -= 1;
    });
  }
  await until(() => startedAt.length >= 10);
  const tookMs = (startedAt[9] as number) - (startedAt[0] as number);
  expect(tookMs).toBeGreaterThan(8 * INTERVAL_MS);
  expect(most).toBe(1);
  expect(perNode.reduce((sum, runs) => sum + runs)).toBe(startedAt.length);
  expect(nodes.reduce((sum, one) => sum + (one.figures()[0]?.runs ?? 0), 0)).toBe(startedAt.length);
});

test('a Redis that lost its memory, or was away, gets the schedule again', async () => {
  let runs = 0;
  node().every('sweep', INTERVAL_MS, async () => void runs++);
  await until(() => runs >= 2);
  await server.flush();
  let before = runs;
  await until(() => runs >= before + 3);
  await server.kill();
  await until(() => logged.some(({ msg }) => msg === 'the queue of jobs is away'));
  await server.start();
  before = runs;
  await until(() => runs >= before + 3);
});

test('a Redis that is not there yet is waited for, and so is one that stands still', async () => {
  await server.kill();
  let runs = 0;
  const scheduler = node();
  scheduler.every('sweep', INTERVAL_MS, async () => void runs++);
  await until(() => logged.some(({ msg }) => msg === 'the queue of jobs is away'));
  await server.start();
  await until(() => runs >= 2);
  server.stop();
  await sleep(3 * INTERVAL_MS);
  const before = runs;
  server.continue();
  await until(() => runs >= before + 3);
});

test('a chain of runs that broke is taken up again', async () => {
  let runs = 0;
  node().every('sweep', INTERVAL_MS, async () => void runs++);
  await until(() => runs >= 2);
  const admin = new Redis(join(server.directory, 'redis.sock'));
  const lost = (await admin.keys('test:bull:sweep:*')).filter((key) =>
    /:(?:delayed|prioritized|wait)$/.test(key),
  );
  expect(await admin.del(...lost)).toBeGreaterThan(0);
  admin.disconnect();
  const before = runs;
  await until(() => runs >= before + 3);
});

test('a failing run is counted and followed by the next; one past its deadline is told to stop', async () => {
  const scheduler = node();
  scheduler.every('broken', INTERVAL_MS, async () => {
    throw new Error('GET http://x.example/?token=hush failed');
  });
  scheduler.every(
    'slow',
    INTERVAL_MS,
    (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
    {
      deadlineMs: 100,
    },
  );
  const figures = (name: string) => scheduler.figures().find((job) => job.name === name);
  await until(() => (figures('broken')?.failures ?? 0) >= 2 && (figures('slow')?.timeouts ?? 0) >= 2);
  expect(JSON.stringify(logged)).not.toContain('hush');
});

test('closing aborts what runs, and the rest of the cluster goes on', async () => {
  let aborted = false;
  const first = node();
  first.every(
    'sweep',
    INTERVAL_MS,
    (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve();
        });
      }),
  );
  await until(() => first.figures()[0]?.running === true);
  await first.close();
  await first.close();
  expect(aborted).toBe(true);
  let runs = 0;
  const startedAt = performance.now();
  node().every('sweep', INTERVAL_MS, async () => void runs++);
  await until(() => runs >= 2);
  // Had the run that was cut short kept its lock, others would wait for that to expire (15 s).
  expect(performance.now() - startedAt).toBeLessThan(13_000);
});

test('closing does not wait for a Redis that is gone', async () => {
  const scheduler = node();
  let runs = 0;
  scheduler.every('sweep', INTERVAL_MS, async () => void runs++);
  await until(() => runs >= 1);
  await server.kill();
  const startedAt = performance.now();
  await scheduler.close();
  expect(performance.now() - startedAt).toBeLessThan(30_000);
});
