import { RememberingState, type SessionRequest } from '../../src/index.ts';
import { idOf } from '../contract/records.ts';
import { MoodyStore, settle } from './moody-store.ts';

const PATIENCE_MS = 300;
const request: SessionRequest = {
  ...{ id: 's1', user: 'alice', ip: '192.0.2.7', place: '192.0.2.7', player: 'tv', streamId: idOf(1) },
  ...{ clientId: 'c1', node: 'w1', userAgent: 'VLC', limit: 1, quietMs: 5_000 },
};
const { id, user, place } = request;

let store: MoodyStore;
let node: RememberingState;

beforeEach(() => {
  store = new MoodyStore();
  const { state, after } = store;
  node = new RememberingState({ state, after, patienceMs: PATIENCE_MS, now: () => store.now });
});

afterEach(() => node.close());

test('viewers begin and go on while the store is away; then it learns of them, at any limit', async () => {
  await store.inner.startSession({ ...request, id: 'other', ip: '192.0.2.8', place: '192.0.2.8' });
  store.goAway();
  expect(await node.startSession(request)).toMatchObject({ sessionId: 's1', isUnconfirmed: true });
  expect(await node.touchSessions('w1', [{ id, user, place }])).toEqual(['ok']);
  await expect(node.listSessions()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  store.comeBack();
  expect(await node.touchSessions('w1', [{ id, user, place }])).toEqual(['unknown']);
  expect(await node.startSession({ ...request, resumes: true })).toEqual({
    ...{ granted: true, sessionId: 's1', active: 2, limit: 1 },
  });
  expect(await node.startSession({ ...request, id: 's3', place: '192.0.2.9' })).toMatchObject({
    reason: 'limit',
  });
});

test('a store that stands still is waited for, but not longer than a viewer may be kept', async () => {
  store.standStill();
  let answer: unknown;
  const asked = node.startSession(request).then((one) => {
    answer = one;
  });
  await store.pass(PATIENCE_MS - 1);
  expect(answer).toBeUndefined();
  await store.pass(1);
  await asked;
  expect(answer).toMatchObject({ granted: true, isUnconfirmed: true });
  store.comeBack();
  await settle();
  expect(await store.inner.getSession('s1')).toMatchObject({ user: 'alice' });
});
