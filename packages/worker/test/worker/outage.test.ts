import { StreampoolError } from '@streampool/errors';
import { HEARTBEAT_MS, node } from '../node.ts';
import { a, flush, store, stream, useWorker } from './one-worker.ts';

useWorker();

describe('a state that is away', () => {
  test('is asked again with growing delays, never faster than twice per delay, and told everything at last', async () => {
    a.engine.move('s', 'live');
    await flush();
    store.unavailable();
    const callsAt: number[] = [];
    const before = store.calls;
    for (let ms = 0; ms < 30_000; ms += 50) {
      const calls = store.calls;
      // What happens meanwhile makes no extra calls.
      a.engine.attach(`c${ms}`, 's');
      await store.clock.advance(50);
      if (store.calls > calls) callsAt.push(ms);
    }
    expect(store.calls - before).toBeLessThan(20);
    const gaps = callsAt.slice(1).map((at, i) => at - (callsAt[i] as number));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(HEARTBEAT_MS / 2 - 50);
    expect(gaps[1]).toBeLessThan(1_000);
    expect(a.worker.figures()).toMatchObject({ connected: false });
    store.failure = undefined;
    await store.clock.advance(HEARTBEAT_MS);
    expect(await stream()).toMatchObject({ viewers: 600, owner: 'a' });
    expect(a.worker.figures()).toMatchObject({ connected: true, pendingEvents: 0, droppedEvents: 0 });
    // An outage is one warning and one all-clear, however long it lasts.
    expect(a.logged.filter(({ level }) => level === 40)).toHaveLength(1);
    expect(a.logged.filter(({ msg }) => msg === 'the state answers again')).toHaveLength(1);
  });

  test('does not make memory grow: the oldest events and farewells are dropped, and counted', async () => {
    a.engine.move('s', 'live');
    await flush();
    store.unavailable();
    for (let i = 0; i < 30_000; i++) {
      a.engine.attach(`c${i}`, 's');
      a.engine.detach(`c${i}`, 's');
    }
    expect(a.worker.figures()).toMatchObject({
      pendingEvents: 5_000,
      droppedEvents: 55_000,
      droppedFarewells: 10_000,
    });
    store.failure = undefined;
    await store.clock.advance(2 * HEARTBEAT_MS);
    expect(await store.inner.readEvents({ limit: 10_000 })).toHaveLength(5_000 + 1);
  });

  test('a claim that could not be made is made later', async () => {
    store.unavailable();
    a.engine.move('s', 'live');
    await store.clock.advance(2_000);
    store.failure = undefined;
    await store.clock.advance(HEARTBEAT_MS);
    expect(await stream()).toMatchObject({ owner: 'a', state: 'live' });
  });

  test('something that the store will never take does not hold up the rest', async () => {
    a.engine.move('s', 'live');
    await flush();
    a.engine.attach('broken', 's', { ip: undefined as unknown as string });
    await store.clock.advance(HEARTBEAT_MS);
    a.engine.attach('good', 's');
    await store.clock.advance(HEARTBEAT_MS);
    expect(await store.inner.getClient('good')).toBeDefined();
  });

  test('a hook or a store that misbehaves does not stop the beats', async () => {
    const b = node(store, 'b', {
      onOwnerChanged: () => {
        throw new Error('no');
      },
    });
    await b.worker.start();
    a.engine.move('s', 'live');
    await flush();
    b.engine.move('s', 'live');
    store.failure = new StreampoolError('INTERNAL', 'a defect');
    await store.clock.advance(HEARTBEAT_MS);
    store.failure = undefined;
    await store.clock.advance(2 * HEARTBEAT_MS);
    expect(b.worker.figures()).toMatchObject({ connected: true });
    await b.worker.close();
  });
});
