import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '@streampool/testkit';
import { closeAll, GatewayUnderTest, json } from './gateway-under-test.ts';

afterEach(closeAll);

test('streams are counted once for all who ask, the less often the longer it takes, and again after a failure', async () => {
  const it = await GatewayUnderTest.start();
  await it.define({ url: 'http://h/a.ts' });
  const { state } = it;
  const list = state.listStreams.bind(state);
  let [counts, isAway] = [0, false];
  state.listStreams = async (page) => {
    counts += 1;
    await pause(500);
    if (isAway) throw new Error('away');
    return list(page);
  };
  const total = async () => (await json(it.get('/health'))).stats.total_streams;
  expect(await Promise.all([total(), total(), total()])).toEqual([1, 1, 1]);
  expect(counts).toBe(1);
  await it.define({ url: 'http://h/b.ts' });
  // Beyond the second that a quick count holds.
  await pause(1_100);
  expect([await total(), counts]).toEqual([1, 1]);
  isAway = true;
  await waitFor(async () => (await it.get('/health')).status === 500, { timeoutMs: 15_000 });
  isAway = false;
  expect(await total()).toBe(2);
});
