import { StreampoolError } from '@streampool/errors';
import type { ClientRecord } from '@streampool/state';
import type { DrillRequest, DrillResult, ViewerGaps } from '@streampool/streaming';
import { gapsOf } from '../src/streams/gap-figures.ts';
import { closeAll, GatewayUnderTest, json, NODE_ID } from './gateway-under-test.ts';

afterEach(closeAll);

const url = 'http://provider.example/live.ts';

test('what viewers lost is told in figures', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url, shared: true });
  const asked: DrillRequest[] = [];
  it.engine.onDrill = (_, request) => {
    asked.push(request);
    const viewers = { gapsMs: [300, 100, 200], dropped: 1 };
    return { switched: true, failoverIndex: 2, told: false, slateMs: 40, viewers };
  };
  expect(await json(it.send('POST', `/streams/${id}/drill`, { fault: 'cut' }))).toEqual({
    stream_id: id,
    fault: 'cut',
    seconds: 10,
    switched: true,
    failover_index: 2,
    gap_ms: { p50: 200, p99: 300, max: 300 },
    viewers: 3,
    dropped: 1,
    slate_ms: 40,
    told: false,
  });
  await it.send('POST', `/streams/${id}/drill`, { fault: 'silence', seconds: 2 });
  expect(asked).toEqual([
    { fault: 'cut', seconds: 10 },
    { fault: 'silence', seconds: 2 },
  ]);
});

test('what cannot be done is said with a code', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define({ url, shared: true });
  it.engine.onDrill = () => {
    throw new StreampoolError('STREAM_NOT_PLAYING', 'nobody watches');
  };
  const answer = async (path: string, body?: unknown) => {
    const response = await it.send('POST', path, body);
    return [response.status, (await json(response)).code];
  };
  expect(await answer(`/streams/${id}/drill`, { fault: 'stall' })).toEqual([409, 'STREAM_NOT_PLAYING']);
  expect(await answer('/streams/unknown/drill', { fault: 'stall' })).toEqual([404, 'STREAM_NOT_FOUND']);
  for (const body of [{}, { fault: 'flood' }, { fault: 'cut', seconds: 0.5 }, { fault: 'cut', seconds: 61 }])
    expect(await answer(`/streams/${id}/drill`, body)).toEqual([422, 'VALIDATION_FAILED']);
});

test('the owner runs it, and every node measures what its own viewers get', async () => {
  const asked: string[] = [];
  const keys = new Set<string>();
  const peers = {
    disconnect: async () => undefined,
    failover: () => Promise.reject(new Error('nobody asks for it')),
    stop: async () => undefined,
    report: async () => undefined,
    logLevel: async () => undefined,
    async drill(node: string, _: string, { fault }: DrillRequest): Promise<DrillResult> {
      asked.push(`${node} drill ${fault}`);
      const viewers = { gapsMs: [10], dropped: 0 };
      return { switched: true, failoverIndex: 1, told: false, slateMs: 0, viewers };
    },
    async gaps(node: string, _: string, { wish, key }: { wish: string; key: string }) {
      asked.push(`${node} ${wish}`);
      keys.add(key);
      if (node === 'dead') return undefined;
      return (wish === 'take' ? { gapsMs: [20, 30], dropped: 1 } : {}) as ViewerGaps;
    },
  };
  const it = await GatewayUnderTest.start({}, { peers });
  const id = await it.define({ url, shared: true });
  await it.state.claim(id, { id: 'w1', host: 'h' });
  it.state.listClients = async () => ({
    items: ['w1', 'w2', 'dead', NODE_ID].map((node) => ({ node }) as ClientRecord),
  });
  expect(await json(it.send('POST', `/streams/${id}/drill`, { fault: 'cut' }))).toMatchObject({
    gap_ms: { p50: 20, p99: 30, max: 30 },
    viewers: 3,
    dropped: 1,
  });
  expect(asked).toEqual(['w2 start', 'dead start', 'w1 drill cut', 'w2 take', 'dead take']);
  expect(keys.size).toBe(1);

  // Viewers of a direct stream have sources of their own: there is a drill at each node.
  const direct = await it.define({ url });
  asked.length = 0;
  it.engine.onDrill = () => {
    throw new StreampoolError('STREAM_NOT_PLAYING', 'nobody watches here');
  };
  expect(await json(it.send('POST', `/streams/${direct}/drill`, { fault: 'cut' }))).toMatchObject({
    viewers: 3,
    failover_index: 1,
  });
  expect(asked).toEqual(['w1 drill cut', 'w2 drill cut', 'dead drill cut']);
});

test('figures of viewers', () => {
  expect(gapsOf([])).toEqual({ p50: 0, p99: 0, max: 0 });
  expect(gapsOf(Array.from({ length: 200 }, (_, i) => i + 1))).toEqual({ p50: 100, p99: 198, max: 200 });
});
