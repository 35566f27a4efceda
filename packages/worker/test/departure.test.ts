import { Departure, type DrainOutcome } from '../src/index.ts';
import { settle } from './fake-clock.ts';

/** Drains that end when the test says so, or soon after they were aborted. */
function stand() {
  const drains: { signal: AbortSignal; end: (outcome: DrainOutcome) => void }[] = [];
  const said: string[] = [];
  const departure = new Departure({
    drain: () => ({
      run: (signal) => {
        const { promise, resolve } = Promise.withResolvers<DrainOutcome>();
        if (!signal) throw new Error('a drain that cannot be taken back');
        drains.push({ signal, end: resolve });
        signal.addEventListener('abort', () => setImmediate(() => resolve('aborted')));
        return promise;
      },
    }),
    leave: () => said.push('leave'),
    stay: () => said.push('stay'),
    onEmptied: () => said.push('emptied'),
  });
  return { departure, drains, said };
}

const never = new AbortController().signal;

test('an operator’s drain empties the worker, and then ends it', async () => {
  const { departure, drains, said } = stand();
  departure.wanted('draining');
  departure.wanted('draining');
  expect([drains.length, said]).toEqual([1, ['leave']]);
  drains[0]!.end('empty');
  await settle();
  expect(said).toEqual(['leave', 'emptied']);
  // Too late to be wanted again; and the end of the process has nothing left to do.
  departure.wanted('ready');
  await departure.finish(never);
  expect([drains.length, said]).toEqual([1, ['leave', 'emptied']]);
});

test.each(['alone', 'timeout'] as const)('a drain that ended as %s ends the worker too', async (outcome) => {
  const { departure, drains, said } = stand();
  departure.wanted('draining');
  drains[0]!.end(outcome);
  await settle();
  expect(said).toEqual(['leave', 'emptied']);
});

test('taken back, the drain is given up, everybody is let in again, and the worker stays', async () => {
  const { departure, drains, said } = stand();
  departure.wanted('draining');
  departure.wanted('ready');
  expect(drains[0]!.signal.aborted).toBe(true);
  await settle();
  expect(said).toEqual(['leave', 'stay']);
  departure.wanted('draining');
  expect(drains).toHaveLength(2);
  drains[1]!.end('empty');
  await settle();
  expect(said).toEqual(['leave', 'stay', 'leave', 'emptied']);
});

test('ordered again before the first drain has ended, a second one follows it', async () => {
  const { departure, drains, said } = stand();
  departure.wanted('draining');
  departure.wanted('ready');
  departure.wanted('draining');
  expect(drains).toHaveLength(1);
  await settle();
  expect(drains).toHaveLength(2);
  expect(drains[1]!.signal.aborted).toBe(false);
  drains[1]!.end('empty');
  await settle();
  expect(said).toEqual(['leave', 'stay', 'leave', 'emptied']);
});

test('one that ended by itself at the moment it was taken back does not end the worker', async () => {
  const { departure, drains, said } = stand();
  departure.wanted('draining');
  drains[0]!.end('empty');
  departure.wanted('ready');
  await settle();
  expect(said).toEqual(['leave', 'stay']);
});

test('the end of the process drains once, cannot be taken back, and can be hurried', async () => {
  const { departure, drains, said } = stand();
  const hurry = new AbortController();
  let isOver = false;
  void departure.finish(hurry.signal).then(() => {
    isOver = true;
  });
  await settle();
  departure.wanted('draining');
  departure.wanted('ready');
  await settle();
  expect([drains.length, said, isOver]).toEqual([1, [], false]);
  hurry.abort();
  await settle();
  expect([drains.length, said, isOver]).toEqual([1, [], true]);
});

test('the end of the process goes on with an operator’s drain, and hurries it', async () => {
  for (const isHurried of [true, false]) {
    const { departure, drains, said } = stand();
    const hurry = new AbortController();
    let isOver = false;
    departure.wanted('draining');
    void departure.finish(hurry.signal).then(() => {
      isOver = true;
    });
    await settle();
    departure.wanted('ready');
    await settle();
    expect([drains[0]!.signal.aborted, isOver]).toEqual([false, false]);
    if (isHurried) hurry.abort();
    else drains[0]!.end('empty');
    await settle();
    expect([drains.length, said, isOver]).toEqual([1, ['leave'], true]);
  }
});

test('a process that ends while a drain is being taken back drains anew', async () => {
  const { departure, drains } = stand();
  departure.wanted('draining');
  departure.wanted('ready');
  const finished = departure.finish(never);
  await settle();
  expect(drains).toHaveLength(2);
  drains[1]!.end('empty');
  await finished;
});

test('a hurry before the drain has begun means that there is none', async () => {
  const { departure, drains } = stand();
  await departure.finish(AbortSignal.abort());
  expect(drains).toHaveLength(0);
});
