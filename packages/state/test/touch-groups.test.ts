import { type SessionTouch, type TouchAnswer, TouchGroups } from '../src/index.ts';

const touchOf = (id: string): SessionTouch => ({ id, user: 'alice', place: '192.0.2.7' });

class FakeStore {
  readonly calls: string[][] = [];
  fails = false;

  async touchSessions(_node: string, touches: readonly SessionTouch[]): Promise<TouchAnswer[]> {
    this.calls.push(touches.map(({ id }) => id));
    if (this.fails) throw new Error('away');
    return touches.map(({ id }) => (id.startsWith('gone') ? 'ended' : 'ok'));
  }
}

const stage = (options: { withinMs?: number; most?: number } = {}) => {
  const state = new FakeStore();
  const groups = new TouchGroups({ state, node: 'w1', ...options });
  const touch = (...ids: string[]) => Promise.all(ids.map((id) => groups.touch(touchOf(id))));
  return { state, touch };
};

test('after a silence a touch goes at once, with whatever comes in the same moment', async () => {
  const { state, touch } = stage({ withinMs: 3_600_000 });
  expect(await touch('a', 'gone-b')).toEqual(['ok', 'ended']);
  expect(state.calls).toEqual([['a', 'gone-b']]);
});

test('what comes soon after a call waits, and is one call', async () => {
  const { state, touch } = stage();
  await touch('a');
  const answers = touch('b', 'gone-c');
  expect(state.calls).toEqual([['a']]);
  expect(await answers).toEqual(['ok', 'ended']);
  expect(state.calls).toEqual([['a'], ['b', 'gone-c']]);
});

test('a full group waits for nothing', async () => {
  const { state, touch } = stage({ withinMs: 3_600_000, most: 2 });
  await touch('a');
  await touch('b', 'c');
  expect(state.calls).toEqual([['a'], ['b', 'c']]);
});

test('all of a group are told why it failed', async () => {
  const { state, touch } = stage();
  state.fails = true;
  const answers = await Promise.allSettled([touch('a'), touch('b')]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(state.calls).toEqual([['a', 'b']]);
});
