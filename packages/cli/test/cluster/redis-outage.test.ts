import { setTimeout as delay } from 'node:timers/promises';
import { HlsReader, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed, longestGap } from './cluster-stage.ts';

const stage = new ClusterStage();
beforeAll(async () => {
  await stage.open({ gateways: 2, workers: 2, proxied: true });
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(async () => {
  await stage.repair();
  await waitFor(() => stage.ffmpegs().length === 0, { what: 'no FFmpeg left' });
});
afterAll(() => stage.close());

const WHILE_THE_OWNER_CHANGES = /^(?:6\.2\.1: nothing new for|6\.2\.2: .* s are left of a live playlist)/;

type Outage = (meanwhile: () => Promise<void>) => Promise<void>;

/** What can become of Redis. While it is away, something happens. */
const OUTAGES: readonly (readonly [string, Outage])[] = [
  [
    'killed, and started again empty',
    async (meanwhile) => {
      await stage.cluster.redis.kill();
      await meanwhile();
      await stage.cluster.redis.start();
    },
  ],
  [
    'emptied by FLUSHALL',
    async (meanwhile) => {
      await stage.cluster.redis.flush();
      await meanwhile();
    },
  ],
  [
    'stopped for some seconds',
    async (meanwhile) => {
      stage.cluster.redis.stop();
      await delay(2_000);
      await meanwhile();
      stage.cluster.redis.continue();
    },
  ],
];

test.each(OUTAGES)(
  'Redis %s: viewers notice nothing, and the records are right again',
  async (name, happen) => {
    const url = stage.provider.url(`/live.ts?${encodeURIComponent(name)}`);
    const { id } = await stage.create('transcode', { url, profile: COPY });
    const players = await stage.audience([...stage.gateways, ...stage.workers], id, 8);
    await stage.waitForRecord(id, { viewers: 8, state: 'live' });
    const { owner, epoch, ffmpegPid } = await stage.record(id);
    const total = stage.provider.stats('/live.ts').total;

    await happen(async () => {
      // Nodes know the stream: whoever comes to it is served as ever.
      players.push(...(await stage.audience(stage.gateways, id, 2)));
    });
    const record = { owner: owner!, epoch, state: 'live', viewers: 10, ffmpegPid: ffmpegPid! } as const;
    await stage.waitForRecord(id, record);
    const workers = await stage.state.listWorkers();
    const names = ['gateway-0', 'gateway-1', 'worker-0', 'worker-1'];
    expect(workers.map(({ id: name }) => name).sort()).toEqual(names);
    expectUndisturbed(players);
    expect(longestGap(players)).toBeLessThan(4_000);
    expect(stage.ffmpegs()).toEqual([ffmpegPid]);
    expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, total });
  },
);

test('Redis that takes 200 ms for each command: first viewers still meet at one FFmpeg, and its owner can be killed', async () => {
  for (const node of stage.cluster.nodes) node.toRedis.delay({ toServerMs: 100, toClientMs: 100 });
  const { id } = await stage.create('transcode', { url: stage.provider.url('/live.ts?slow'), profile: COPY });
  const { total } = stage.provider.stats('/live.ts');
  const players = await stage.audience([...stage.gateways, ...stage.workers], id, 8);
  expect(stage.ffmpegs()).toHaveLength(1);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, total: total + 1 });
  const before = await stage.record(id);
  const owner = await stage.ownerOf(id);
  const kept = players.filter((_, index) => [...stage.gateways, ...stage.workers][index % 4] !== owner);

  await owner.kill();
  await stage.waitForNewOwner(id, before);
  await Promise.all(kept.map((player) => player.waitForMedia(2)));
  expectUndisturbed(kept);
  expect(stage.ffmpegs()).toHaveLength(1);
  await waitFor(() => stage.provider.stats('/live.ts').current === 1, { what: 'one provider connection' });
});

test('a stream that nobody has watched yet starts while Redis is away, once, at a worker that never heard of it', async () => {
  const url = stage.provider.url('/live.ts?new');
  const { id } = await stage.create('transcode', { url, profile: COPY });
  const { total } = stage.provider.stats('/live.ts');
  await stage.cluster.redis.kill();
  const [gateway] = stage.gateways;
  const players = await stage.audience([gateway!], id, 3);
  expect(stage.ffmpegs()).toHaveLength(1);
  await stage.cluster.redis.start();
  await stage.waitForRecord(id, { state: 'live', viewers: 3, ffmpegPid: stage.ffmpegs()[0]! });
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, total: total + 1 });
  expectUndisturbed(players);
});

test('Redis stopped, then the owner killed: HLS players have a new one in seconds, and the numbers go on', async () => {
  const url = stage.provider.url('/live.ts?hls');
  const { id } = await stage.create('transcode', { url, profile: COPY });
  const readers = stage.gateways.map(
    (gateway, index) => new HlsReader(`${gateway.url}/hls/${id}/playlist.m3u8?client_id=hls-${index}`),
  );
  const played = (seconds: number): Promise<unknown> =>
    Promise.all(readers.map((reader) => reader.waitForPlayed(seconds, 60_000)));
  try {
    await played(5);
    const owner = await stage.ownerOf(id);
    stage.cluster.redis.stop();
    await owner.kill();
    await played(10);
    for (const reader of readers) {
      const report = reader.report();
      // Each node asks Redis in vain before it goes on by itself: that long there is nothing new. A gateway that had not seen
      // what the other one had cannot keep the segments before the gap listed.
      const violations = report.violations.filter((text) => !WHILE_THE_OWNER_CHANGES.test(text));
      const good = { violations: [], lost: 0, playlistFailures: [] };
      expect({ ...report, violations }).toMatchObject(good);
      expect(report.discontinuities).toBeGreaterThan(0);
      // The lease of the owner, which nobody could have ended, lasts longer.
      expect(report.longestStallMs).toBeLessThan(13_000);
    }
    expect(stage.ffmpegs()).toHaveLength(1);
  } finally {
    stage.cluster.redis.continue();
    await Promise.all(readers.map((reader) => reader.close()));
  }
});
