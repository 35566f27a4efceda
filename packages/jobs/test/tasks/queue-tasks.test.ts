import { setTimeout as sleep } from 'node:timers/promises';
import { RedisServer } from '@streampool/testkit';
import { pino } from 'pino';
import type { TaskHandler } from '../../src/index.ts';
import { QueueTasks } from '../../src/queue.ts';

let server: RedisServer;
const nodes: QueueTasks<string>[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((each) => each.close()));
});

afterAll(() => server?.close());

function node(name: string, handle: TaskHandler<string>, lockMs = 20_000): QueueTasks<string> {
  const log = pino({ level: 'silent' });
  const each = new QueueTasks({
    name,
    url: server.url,
    prefix: 'test:',
    log,
    handle,
    pauseMs: () => 20,
    lockMs,
  });
  nodes.push(each);
  return each;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not come to pass');
    await sleep(10);
  }
}

test('each task is done once by one of the nodes, however often it is added, and again where it fails', async () => {
  const done: string[] = [];
  const failures: string[] = [];
  const handle: TaskHandler<string> = async (data, { attempt, attempts }) => {
    if (data === '7' && attempt < attempts) {
      failures.push(`${attempt}/${attempts}`);
      throw new Error('not yet');
    }
    done.push(data);
  };
  const [a, b] = [node('once', handle), node('once', handle)];
  const tasks = Array.from({ length: 20 }, (_, n) => ({ id: `hook.${n}-0`, data: String(n), attempts: 3 }));
  await Promise.all([a.add(tasks), b.add(tasks)]);
  await until(() => done.length >= 20);
  await a.add(tasks);
  await sleep(100);
  expect(done.toSorted()).toEqual(tasks.map(({ data }) => data).toSorted());
  expect(failures).toEqual(['1/3', '2/3']);
});

test('what a node that is gone had under way is done by another one', async () => {
  const begun: string[] = [];
  const done: string[] = [];
  const lost = node(
    'lost',
    async (data, { attempt }) => {
      begun.push(`${data} ${attempt}`);
      // As after kill -9: it never says what became of it, and never renews its lock.
      await new Promise(() => {});
    },
    1_000,
  );
  await lost.add([{ id: 'hook.1-0', data: 'x', attempts: 2 }]);
  await until(() => begun.length === 1);
  await lost.close();
  node(
    'lost',
    async (data) => {
      done.push(data);
    },
    1_000,
  );
  await until(() => done.length === 1);
  expect(begun).toEqual(['x 1']);
});
