import { type StreamCarrier, withCarried } from '../src/carrier.ts';
import type { PoolSnapshot, ViewerSnapshot } from '../src/engine-api.ts';
import { EngineHost } from './engine-host.ts';

const snapshot = (over: Partial<PoolSnapshot> & { streamId: string }): PoolSnapshot => ({
  kind: 'shared',
  state: 'live',
  viewers: 0,
  lastAccess: 0,
  bytesIn: 0,
  bytesOut: 0,
  failoverIndex: 0,
  failoverAttempts: 0,
  restarts: 0,
  ringBytes: 0,
  ...over,
});

test('what a carrier has of a stream that a pool plays is added to the pool, and the rest stands for itself', () => {
  const pools = [
    snapshot({ streamId: 'a', viewers: 2, bytesOut: 10, bytesIn: 5, lastAccess: 1, relays: 1 }),
    snapshot({ streamId: 'b', state: 'stopped' }),
  ];
  const sent = { bytesOut: 7, since: 3 };
  const carried = [
    snapshot({
      streamId: 'a',
      viewers: 3,
      bytesOut: 7,
      lastAccess: 9,
      relays: 2,
      relayed: true,
      carried: sent,
    }),
    snapshot({ streamId: 'b', viewers: 1 }),
    snapshot({ streamId: 'c', viewers: 4, relayed: true }),
  ];
  const merged = withCarried(pools, carried);
  expect(merged).toHaveLength(4);
  expect(merged[0]).toEqual({
    ...pools[0],
    ...{ viewers: 5, bytesOut: 17, carried: sent, lastAccess: 9, relays: 3 },
  });
  expect(merged.slice(2)).toEqual(carried.slice(1));
});

describe('an engine with a carrier', () => {
  const viewer: ViewerSnapshot = {
    clientId: 'a-player',
    streamId: 's',
    ip: '192.0.2.1',
    userAgent: 'player',
    connectedAt: 1,
    lastActive: 2,
    bytes: 3,
    lagBytes: 0,
    skips: 0,
  };

  test('speaks for what the carrier has, and passes orders on', async () => {
    const calls: string[] = [];
    const carrier: StreamCarrier = {
      pools: () => [snapshot({ streamId: 's', viewers: 1 })],
      waiting: (streamId) => (streamId === 's' ? [{ ...viewer, clientId: 'who-begins' }] : []),
      viewers: (streamId) => (streamId === undefined || streamId === 's' ? [viewer] : []),
      disconnect: (clientId) => clientId === 'a-player',
      stop: async (streamId) => {
        calls.push(`stop ${streamId}`);
        return 1;
      },
      failover: async (streamId, index) =>
        streamId === 's' ? { failoverIndex: index ?? 1, failoverAttempts: 1 } : undefined,
      follow: (streamId, epoch) => calls.push(`follow ${streamId} ${epoch}`),
      handOver: async (streamId) => void calls.push(`hand over ${streamId}`),
      close: async () => void calls.push('close'),
    };
    const host = await EngineHost.start();
    const { engine } = host;
    const seen: string[] = [];
    engine.on('viewer_attached', ({ clientId }) => seen.push(clientId));
    const emit = engine.adopt(carrier);

    emit('viewer_attached', viewer);
    expect(seen).toEqual(['a-player']);
    expect(engine.pools().map(({ streamId, viewers }) => [streamId, viewers])).toEqual([['s', 1]]);
    expect(engine.viewers('s')).toEqual([viewer]);
    expect(engine.viewers('other')).toEqual([]);
    expect(engine.audience('s').map(({ clientId, waiting }) => [clientId, waiting])).toEqual([
      ['a-player', false],
      ['who-begins', true],
    ]);
    expect(engine.disconnect('a-player')).toBe(true);
    expect(engine.disconnect('nobody')).toBe(false);
    expect(await engine.failover('s', { index: 2 })).toEqual({ failoverIndex: 2, failoverAttempts: 1 });
    await expect(engine.failover('other')).rejects.toMatchObject({ code: 'STREAM_NOT_PLAYING' });
    expect(await engine.stop('s')).toBe(1);
    engine.follow('s', 4);
    await engine.handOver('s', { here: false, url: 'http://other', owner: 'other', epoch: 4 });
    await host.close();
    expect(calls).toEqual(['stop s', 'follow s 4', 'hand over s', 'close']);
  });
});
