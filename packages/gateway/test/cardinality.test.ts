import { ClusterMeter, DiskMeter, JobMeter, StateMeter } from '../src/index.ts';
import { poolSnapshot } from './fake-engine.ts';
import { closeAll, GatewayUnderTest } from './gateway-under-test.ts';

afterEach(closeAll);

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
}

/** Every series that a scrape has, but for those of Node and the process. */
async function series(it: GatewayUnderTest): Promise<Sample[]> {
  const text = await (await it.get('/metrics')).text();
  return [...text.matchAll(/^(streampool_\w+)(?:\{(.*)\})? \S+$/gm)].map(([, name, labels = '']) => ({
    name: name!,
    labels: new Map(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label!, value!]),
    ),
  }));
}

/** An evening in small: streams that are made, watched, lost, changed over and ended, by viewers who come and go. */
async function evening(it: GatewayUnderTest, from: number, count: number): Promise<string[]> {
  const secrets: string[] = [];
  for (let n = from; n < from + count; n += 1) {
    const id = await it.define({
      url: `http://someone:secret-${n}@host-${n}.example/live-${n}.ts`,
      shared: n % 2 === 0,
      metadata: { channel: `channel-${n}` },
    });
    const clientId = `player-${n}`;
    const headers = { 'user-agent': `Agent-${n}`, 'x-username': `user-${n}` };
    await (await it.get(`/stream/${id}?client_id=${clientId}`, { headers })).arrayBuffer();
    await it.get(`/streams/${id}`);
    await it.get(`/no-such-path-${n}`);
    await it.get(`/stream/no-such-stream-${n}`);
    const { engine } = it;
    const noted = { streamId: id, index: 0 };
    engine.emit('pool_state', { streamId: id, from: 'idle', to: 'starting', reason: `first viewer ${n}` });
    engine.emit('pool_state', { streamId: id, from: 'starting', to: 'live', reason: 'r' });
    engine.emit('noted', { ...noted, type: 'source_gap', gapMs: 700 });
    engine.emit('noted', { ...noted, type: 'source_lost', code: 'UPSTREAM_CUT', detail: `host-${n} cut it` });
    for (const failoverIndex of [1, 0])
      engine.emit('source_switched', {
        streamId: id,
        clientId,
        reason: 'UPSTREAM_CUT',
        gapMs: 9,
        failoverIndex,
      });
    engine.emit('viewer_skipped', { streamId: id, clientId, bytesSkipped: 188 });
    engine.disconnect(clientId);
    engine.emit('pool_state', { streamId: id, from: 'live', to: 'stopped', reason: 'r' });
    secrets.push(
      id,
      clientId,
      `secret-${n}`,
      `host-${n}`,
      `live-${n}`,
      `Agent-${n}`,
      `user-${n}`,
      `channel-${n}`,
    );
    secrets.push(`no-such-path-${n}`, `no-such-stream-${n}`);
  }
  it.engine.poolSnapshots = secrets
    .filter((text) => /^[\da-f]{32}$/.test(text))
    .map((streamId) => poolSnapshot({ streamId, kind: 'shared', viewers: 3 }));
  return secrets;
}

test('however many streams and viewers there were, the series are the same, and name none of them', async () => {
  const meters = [
    new StateMeter(),
    new JobMeter(),
    new DiskMeter({ data: '/' }),
    new ClusterMeter(async () => []),
  ];
  const it = await GatewayUnderTest.start({}, { meters, figures: () => undefined });
  const first = await evening(it, 0, 5);
  await series(it);
  const few = await series(it);
  const more = await evening(it, 5, 100);
  const many = await series(it);
  expect(many.length).toBe(few.length);
  expect(many.length).toBeGreaterThan(100);
  const values = new Set(many.flatMap(({ labels }) => [...labels.values()]));
  for (const secret of [...first, ...more])
    for (const value of values) if (value.includes(secret)) throw new Error(`${secret} is a label: ${value}`);
  for (const value of values) expect(value).not.toMatch(/:\/\/|\d+\.\d+\.\d+\.\d+|@/);
  // One metric with as many series as this would be one that grows by something.
  const sizes = Map.groupBy(many, ({ name }) => name);
  for (const [name, all] of sizes) expect([name, all.length < 200]).toEqual([name, true]);
});
