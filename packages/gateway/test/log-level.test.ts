import { closeAll, GatewayUnderTest, json, NODE_ID } from './gateway-under-test.ts';

afterEach(closeAll);

function control() {
  const set: unknown[][] = [];
  return {
    set,
    logLevel: {
      get: () => ({ level: 'info' }),
      set: (...wish: [string, number?]) => {
        set.push(wish);
        return { level: wish[0], ...(wish[1] !== undefined && { revertsInMs: wish[1] }) };
      },
    },
  };
}

test('any gateway tells all nodes, or one, and says who did not answer', async () => {
  const { logLevel, set } = control();
  const asked: unknown[][] = [];
  const peers = {
    async logLevel(node: string, wish?: [string, number?]) {
      asked.push([node, wish]);
      return node === 'dumb' ? undefined : { level: wish?.[0] ?? 'warn' };
    },
  };
  const it = await GatewayUnderTest.start({}, { logLevel, peers: peers as never });
  for (const id of [NODE_ID, 'w1', 'dumb']) {
    await it.state.heartbeat({
      worker: {
        ...{ id, host: id, pid: 1, url: `http://${id}`, status: 'ready', version: '1', ownedStreams: 0 },
        ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 1 },
      },
      ...{ streams: [], clients: [], gone: [] },
    });
  }
  const byNode = ({ nodes }: { nodes: { node: string }[] }) =>
    Object.fromEntries(nodes.map(({ node, ...rest }) => [node, rest]));
  expect(byNode(await json(it.get('/log-level')))).toEqual({
    [NODE_ID]: { level: 'info', reverts_in_seconds: null },
    w1: { level: 'warn', reverts_in_seconds: null },
    dumb: { level: null, reverts_in_seconds: null },
  });
  const all = await json(it.send('PUT', '/log-level', { level: 'debug', seconds: 90 }));
  expect(byNode(all)).toMatchObject({
    [NODE_ID]: { level: 'debug', reverts_in_seconds: 90 },
    w1: { level: 'debug' },
  });
  expect(set).toEqual([['debug', 90_000]]);
  asked.length = 0;
  const one = await json(it.send('PUT', '/log-level', { level: 'error', node: 'w1' }));
  expect([one.nodes, asked]).toEqual([
    [{ node: 'w1', level: 'error', reverts_in_seconds: null }],
    [['w1', ['error']]],
  ]);
  expect((await it.send('PUT', '/log-level', { level: 'error', node: 'nobody' })).status).toBe(404);
  expect((await it.send('PUT', '/log-level', { level: 'loud' })).status).toBe(422);
  expect((await it.send('PUT', '/log-level', { level: 'info', seconds: -1 })).status).toBe(422);
});

test('where it cannot be changed there is no such path', async () => {
  const it = await GatewayUnderTest.start();
  expect((await it.get('/log-level')).status).toBe(404);
});
