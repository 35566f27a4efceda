import type { WorkerRecord } from '@streampool/state';
import { ClusterFigures } from '../src/figures/cluster-figures.ts';
import type { NodeReport } from '../src/index.ts';
import { poolSnapshot } from './fake-engine.ts';
import { closeAll, GatewayUnderTest, json, NODE_ID } from './gateway-under-test.ts';

afterEach(closeAll);

function report(more: Partial<NodeReport>): NodeReport {
  return {
    ...{
      uptimeSeconds: 5,
      bytesServed: 0,
      segmentsServed: 0,
      skips: 0,
      sourceSwitches: 0,
      switchesByReason: {},
    },
    ...{ detachesByReason: {}, eventLoopDelayP99Ms: 0, residentMemoryBytes: 0, cpuSeconds: 0, ringBytes: 0 },
    ...{ openConnections: 0, totalConnections: 0, upstreamBytes: 0, streams: {} },
    ...more,
  };
}

const RECORD: Omit<WorkerRecord, 'id' | 'heartbeatMs' | 'alive'> = {
  ...{ host: 'h', pid: 1, url: 'http://h', status: 'ready', version: '1', ownedStreams: 0 },
  ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 1 },
};

test('figures are those of all nodes, through any gateway', async () => {
  const peers = {
    async report(node: string) {
      if (node !== 'w1') return undefined;
      return report({
        ...{ bytesServed: 1_000, segmentsServed: 3, skips: 2, sourceSwitches: 4, ringBytes: 7 },
        ...{
          switchesByReason: { UPSTREAM_CUT: 4 },
          detachesByReason: { left: 1 },
          eventLoopDelayP99Ms: 9_999,
        },
        ...{
          openConnections: 2,
          totalConnections: 8,
          upstreamBytes: 500,
          streams: { [id]: { in: 400, out: 900 } },
        },
      });
    },
  };
  const it = await GatewayUnderTest.start({}, { peers: peers as never });
  const id = await it.define({ url: 'http://h/a.ts', shared: true });
  for (const node of [NODE_ID, 'w1', 'mute'])
    await it.state.heartbeat({ worker: { ...RECORD, id: node }, streams: [], clients: [], gone: [] });
  // What this node plays comes from the other one, and what it gives to further nodes is not for viewers.
  it.engine.poolSnapshots = [
    poolSnapshot({
      streamId: id,
      kind: 'shared',
      relayed: true,
      bytesIn: 300,
      bytesOut: 250,
      relayBytesOut: 50,
    }),
  ];
  it.engine.emit('viewer_detached', {
    ...it.engine.viewers()[0]!,
    streamId: id,
    clientId: 'c',
    reason: 'left',
  });
  expect(await json(it.get('/health'))).toMatchObject({ total_bytes_served: 1_200 });
  const stats = await json(it.get('/stats'));
  expect(stats).toMatchObject({ total_bytes_served: 1_200, total_segments_served: 3 });
  expect(stats.streams).toMatchObject([{ stream_id: id, total_bytes_served: 1_100, bytes_received: 400 }]);
  expect((await json(it.get('/stats/streams'))).streams).toMatchObject([{ total_bytes_served: 1_100 }]);
  const performance = await json(it.get('/stats/performance'));
  expect(performance).toMatchObject({
    connection_pool: { open_connections: 2, total_connections: 8, bytes_received: 500 },
    performance_metrics: { event_loop_delay_p99_ms: 9_999 },
    failover_stats: { source_switches: 4, by_reason: { UPSTREAM_CUT: 4 } },
    error_stats: { skips: 2, detaches_by_reason: { left: 2 } },
  });
  expect(performance.nodes.map(({ node, answered }: never) => [node, answered])).toEqual([
    [NODE_ID, true],
    ['mute', false],
    ['w1', true],
  ]);
  expect(await json(it.get('/stats/detailed'))).toMatchObject({
    proxy_stats: { total_bytes_served: 1_200 },
    connection_pool_stats: { open_connections: 2 },
    nodes: expect.any(Array),
  });
});

test('nodes are asked once a second at most, dead ones not at all, and without the state this node answers alone', async () => {
  let now = 0;
  const asked: string[] = [];
  let isAway = false;
  const figures = new ClusterFigures({
    nodeId: 'me',
    now: () => now,
    own: () => report({ bytesServed: 1 }),
    ask: async (node) => {
      asked.push(node);
      throw new Error('no answer');
    },
    state: {
      async listWorkers() {
        if (isAway) throw new Error('away');
        return [
          { ...RECORD, id: 'me', heartbeatMs: 0, alive: true },
          { ...RECORD, id: 'other', heartbeatMs: 0, alive: true },
          { ...RECORD, id: 'dead', heartbeatMs: 0, alive: false },
        ];
      },
    },
  });
  const [first, second] = await Promise.all([figures.nodes(), figures.nodes()]);
  expect(second).toBe(first);
  expect(asked).toEqual(['other']);
  expect(first.map(({ node, report: it }) => [node, it !== undefined])).toEqual([
    ['me', true],
    ['other', false],
    ['dead', false],
  ]);
  now = 5_000;
  isAway = true;
  expect(await figures.nodes()).toMatchObject([{ node: 'me', report: { bytesServed: 1 } }]);
});
