import { RememberingState } from '../../src/index.ts';
import { beat, definition, idOf } from '../contract/records.ts';
import { MoodyStore, settle } from './moody-store.ts';

const PATIENCE_MS = 300;
const LEASE_MS = 15_000;
const HOUR_MS = 3_600_000;

let store: MoodyStore;
let node: RememberingState;

beforeEach(async () => {
  store = new MoodyStore();
  node = new RememberingState({
    state: store.state,
    patienceMs: PATIENCE_MS,
    leaseMs: LEASE_MS,
    most: 5,
    now: () => store.now,
    after: store.after,
  });
  for (const n of [1, 2, 3]) await store.inner.putStream(definition(n));
  await store.inner.heartbeat(beat('w1'));
  await store.inner.claim(idOf(1), { id: 'w1', host: 'h' });
  await node.heartbeat(beat('me'));
});

afterEach(() => node.close());

/** Looks at a stream as a first viewer makes a node look. */
async function use(n: number): Promise<void> {
  await node.getDefinition(idOf(n));
  await node.getStream(idOf(n));
  await node.listWorkers();
}

describe('while the store is away', () => {
  test('what the node has seen goes on being answered', async () => {
    await use(1);
    const [record, workers] = [await node.getStream(idOf(1)), await node.listWorkers()];
    store.goAway();
    expect(await node.getDefinition(idOf(1))).toEqual(definition(1));
    expect(await node.getStream(idOf(1))).toEqual(record);
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1 });
    expect(await node.listWorkers()).toEqual(workers);
  });

  test('what it has not seen, and what needs the store, fails as ever', async () => {
    await use(1);
    store.goAway();
    const unavailable = { code: 'STATE_UNAVAILABLE' };
    await expect(node.getDefinition(idOf(2))).rejects.toMatchObject(unavailable);
    await expect(node.getStream(idOf(2))).rejects.toMatchObject(unavailable);
    await expect(node.claim(idOf(1), { id: 'me', host: 'h' })).rejects.toMatchObject(unavailable);
    await expect(node.heartbeat(beat('me'))).rejects.toMatchObject(unavailable);
  });

  test('also nodes that came a moment before it went are known, though nobody here had asked for them', async () => {
    await node.heartbeat(beat('me'));
    await settle();
    await store.inner.heartbeat(beat('late'));
    await store.pass(5_000);
    await node.heartbeat(beat('me'));
    await settle();
    store.goAway();
    expect((await node.listWorkers()).map(({ id }) => id)).toContain('late');
  });

  test('a stream of which only the definition is known is one that nobody plays', async () => {
    await node.putStream(definition(7));
    store.goAway();
    expect(await node.getStream(idOf(7))).toMatchObject({ owner: '', epoch: 0, state: 'idle' });
    expect((await node.getStream(idOf(7)))?.url).not.toContain('s3cret');
  });

  test('a store that stands still is waited for no longer than patience, and learned from when it moves', async () => {
    await use(1);
    store.standStill();
    let answer: unknown;
    void node.getStream(idOf(1)).then((record) => {
      answer = record;
    });
    await store.pass(PATIENCE_MS - 1);
    expect(answer).toBeUndefined();
    await store.inner.claim(idOf(1), { id: 'w2', host: 'h' }, { deposes: 1 });
    await store.pass(1);
    expect(answer).toMatchObject({ owner: 'w1', epoch: 1 });
    store.comeBack();
    await settle();
    store.goAway();
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w2', epoch: 2 });
  });

  test('a store that answers in time leaves no timer behind', async () => {
    await use(1);
    await use(1);
    expect(store.timers).toBe(0);
  });

  test('no more is remembered than the budget, the least recently used is forgotten first', async () => {
    for (const n of [1, 2, 3]) await use(n);
    for (const n of [4, 5, 6]) await node.putStream(definition(n));
    await use(2);
    await node.putStream(definition(7));
    expect(node.remembered).toBe(5);
    store.goAway();
    expect(await node.getDefinition(idOf(2))).toEqual(definition(2));
    await expect(node.getDefinition(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    await expect(node.getDefinition(idOf(3))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  });
});

describe('what others do is learned', () => {
  test('a stream that the store does not have any more is forgotten', async () => {
    await use(1);
    await store.inner.removeStream(idOf(1));
    expect(await node.getDefinition(idOf(1))).toBeUndefined();
    store.goAway();
    await expect(node.getDefinition(idOf(1))).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  });

  test('owners that beats and claims tell of', async () => {
    await use(1);
    await store.inner.claim(idOf(1), { id: 'w2', host: 'h' }, { deposes: 1 });
    await node.heartbeat(beat('me', { follows: [{ streamId: idOf(1), epoch: 1 }] }));
    store.goAway();
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w2', epoch: 2 });
    store.comeBack();
    await node.claim(idOf(1), { id: 'me', host: 'h' }, { deposes: 2 });
    store.goAway();
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'me', epoch: 3 });
  });

  test('a worker that was removed is not remembered', async () => {
    await use(1);
    await node.removeWorker('w1');
    store.goAway();
    expect((await node.listWorkers()).map(({ id }) => id)).toEqual(['me']);
  });
});

describe('when the store has lost its memory', () => {
  test('what the node used is given back with its next beat, also much of it', async () => {
    const many = Array.from({ length: 60 }, (_, i) => definition(100 + i));
    const roomy = new RememberingState({ state: store.state, now: () => store.now, after: store.after });
    await roomy.heartbeat(beat('me'));
    for (const one of many) await roomy.putStream(one);
    await store.loseMemory();
    await roomy.heartbeat(beat('me'));
    for (let i = 0; i < 10; i++) await settle();
    for (const one of many) expect(await store.inner.getDefinition(one.id)).toEqual(one);
  });

  test('somebody who asks before that gets the stream at once', async () => {
    await use(1);
    await store.loseMemory();
    expect(await node.getDefinition(idOf(1))).toEqual(definition(1));
    expect(await store.inner.getDefinition(idOf(1))).toEqual(definition(1));
    // Its owner has only to be heard again.
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1 });
    expect((await node.listWorkers()).map(({ id }) => id)).toEqual(['me', 'w1']);
    expect(await store.inner.listWorkers()).toEqual([]);
  });

  test('a newer owner, and whoever is not heard for a lease, count as the store says', async () => {
    await use(1);
    await store.loseMemory();
    await node.heartbeat(beat('me'));
    await settle();
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch: 1 });
    await store.pass(LEASE_MS);
    expect(await node.getStream(idOf(1))).toMatchObject({ owner: '', epoch: 0 });
    expect((await node.listWorkers()).map(({ id }) => id)).toEqual(['me']);

    await store.inner.putStream(definition(2));
    await use(2);
    await store.inner.claim(idOf(2), { id: 'w5', host: 'h' });
    await node.getStream(idOf(2));
    await store.loseMemory();
    await store.inner.putStream(definition(2));
    await node.heartbeat(beat('me'));
    await store.inner.heartbeat(beat('w6', { streams: [{ streamId: idOf(2), epoch: 1 }] }));
    expect(await node.getStream(idOf(2))).toMatchObject({ owner: 'w6' });
  });

  test('what somebody has put anew in the meantime is left alone', async () => {
    await use(1);
    await store.loseMemory();
    const newer = definition(1, { metadata: { title: 'new' } });
    await store.inner.putStream(newer);
    await node.heartbeat(beat('me'));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toEqual(newer);
  });

  test('what the node was told is removed stays removed', async () => {
    for (const n of [1, 2, 3]) await use(n);
    await node.removeStream(idOf(1));
    await store.inner.removeStream(idOf(2));
    await node.heartbeat(beat('me', { streams: [{ streamId: idOf(2), epoch: 1 }] }));
    await store.loseMemory();
    await node.heartbeat(beat('me'));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toBeUndefined();
    expect(await store.inner.getDefinition(idOf(2))).toBeUndefined();
    expect(await store.inner.getDefinition(idOf(3))).toEqual(definition(3));
    // Removed afterwards, in the new life: that is no loss of memory.
    await store.inner.removeStream(idOf(3));
    expect(await node.getDefinition(idOf(3))).toBeUndefined();
    expect(await store.inner.getDefinition(idOf(3))).toBeUndefined();
  });

  test('a beat that misses a forgotten stream is not taken for its removal', async () => {
    await use(1);
    await store.loseMemory();
    await node.heartbeat(beat('me', { streams: [{ streamId: idOf(1), epoch: 1 }] }));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toEqual(definition(1));
  });

  test('what nobody has used for a day is not given back', async () => {
    await use(1);
    await store.pass(20 * HOUR_MS);
    await use(2);
    await store.pass(5 * HOUR_MS);
    await store.loseMemory();
    await node.heartbeat(beat('me'));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toBeUndefined();
    expect(await store.inner.getDefinition(idOf(2))).toEqual(definition(2));
  });

  test('a store that goes away in the middle gets the rest when it is back', async () => {
    await use(1);
    await store.loseMemory();
    store.refused = 'putStream';
    await node.heartbeat(beat('me'));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toBeUndefined();
    store.refused = undefined;
    await node.heartbeat(beat('me'));
    await settle();
    expect(await store.inner.getDefinition(idOf(1))).toEqual(definition(1));
  });
});
