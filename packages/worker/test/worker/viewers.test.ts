import { HEARTBEAT_MS } from '../node.ts';
import { a, flush, store, stream, useWorker } from './one-worker.ts';

useWorker();

beforeEach(() => a.engine.move('s', 'live'));

test('coming and going shows soon', async () => {
  a.engine.attach('c', 's', { username: 'alice' });
  await flush();
  expect(await store.inner.getClient('c')).toMatchObject({
    streamId: 's',
    node: 'a',
    ip: '192.0.2.9',
    userAgent: 'mpv',
    username: 'alice',
  });
  a.engine.detach('c', 's');
  await flush();
  expect(await store.inner.getClient('c')).toBeUndefined();
  expect(await stream()).toMatchObject({ viewers: 0 });
});

test('one that came and went between two beats leaves no record', async () => {
  a.engine.attach('c', 's');
  a.engine.detach('c', 's');
  await flush();
  expect((await store.inner.listClients()).items).toEqual([]);
});

test('one that went and came back under its id stays', async () => {
  a.engine.attach('c', 's');
  await flush();
  a.engine.detach('c', 's', 'kicked');
  a.engine.attach('c', 's', { ip: '192.0.2.10' });
  await flush();
  expect(await store.inner.getClient('c')).toMatchObject({ ip: '192.0.2.10' });
  expect(await stream()).toMatchObject({ viewers: 1 });
});

test('one that goes while a beat speaks of it is unsaid by the next', async () => {
  a.engine.attach('c', 's');
  const { heartbeat } = store.inner;
  store.inner.heartbeat = async (beat) => {
    store.inner.heartbeat = heartbeat;
    const reply = await heartbeat.call(store.inner, beat);
    if (beat.clients.length > 0) a.engine.detach('c', 's');
    return reply;
  };
  await flush();
  await flush();
  expect((await store.inner.listClients()).items).toEqual([]);
});

test('bytes are told with the beats, and only of those that have changed', async () => {
  for (const id of ['fast', 'still']) a.engine.attach(id, 's');
  await flush();
  a.engine.feed('fast', 's', 1_000);
  await store.clock.advance(HEARTBEAT_MS);
  expect(await store.inner.getClient('fast')).toMatchObject({ bytes: 1_000 });
  expect(store.beats.at(-1)?.clients.map(({ id }) => id)).toEqual(['fast']);
});

test('one whose stream stands still does not expire', async () => {
  a.engine.attach('still', 's');
  await store.clock.advance(200_000);
  expect((await store.inner.sweep()).expiredClients).toEqual([]);
  const mentions = store.beats.filter(({ clients }) => clients.length > 0).length;
  expect(mentions).toBeLessThan(25);
});
