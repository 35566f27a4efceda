import { InProcessTasks, pauseAfter } from '../../src/index.ts';

const soon = { pauseMs: () => 1 };

test('a task is done, tried again as often as it may, and its adding resolves when nothing is left to do', async () => {
  const tried: string[] = [];
  const tasks = new InProcessTasks<string>({
    ...soon,
    handle: async (data, { attempt, attempts }) => {
      tried.push(`${data} ${attempt}/${attempts}`);
      if (data === 'never' || (data === 'second' && attempt === 1)) throw new Error('no');
    },
  });
  await tasks.add([
    { id: '1', data: 'first', attempts: 3 },
    { id: '2', data: 'second', attempts: 3 },
    { id: '3', data: 'never', attempts: 2 },
  ]);
  expect(tried.toSorted()).toEqual(['first 1/3', 'never 1/2', 'never 2/2', 'second 1/3', 'second 2/3']);
  expect(tasks.figures()).toEqual({ running: 0, waiting: 0 });
  await tasks.close();
});

test('one that is known is not added again, and no more than so many are under way', async () => {
  let running = 0;
  let most = 0;
  let done = 0;
  const tasks = new InProcessTasks<number>({
    ...soon,
    concurrency: 3,
    handle: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running -= 1;
      done += 1;
    },
  });
  const all = Array.from({ length: 20 }, (_, n) => ({ id: String(n), data: n, attempts: 1 }));
  await Promise.all([tasks.add(all), tasks.add(all)]);
  expect(done).toBe(20);
  expect(most).toBe(3);
  await tasks.close();
});

test('what a closing process leaves undone is not said to be done', async () => {
  const tasks = new InProcessTasks<string>({
    ...soon,
    handle: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  });
  let settled = false;
  void tasks.add([{ id: '1', data: 'x', attempts: 5 }]).then(() => {
    settled = true;
  });
  await tasks.close();
  await tasks.close();
  expect(settled).toBe(false);
});

test('pauses grow to a minute, and differ', () => {
  expect(pauseAfter(1, () => 0.5)).toBe(1_000);
  expect(pauseAfter(3, () => 0.5)).toBe(4_000);
  expect(pauseAfter(99, () => 0.5)).toBe(60_000);
  expect(pauseAfter(2, () => 0)).toBe(1_500);
  expect(pauseAfter(2, () => 1)).toBe(2_500);
});
