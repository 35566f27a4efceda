import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, HlsReader, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage } from './cluster-stage.ts';

const stage = new ClusterStage();
const readers: HlsReader[] = [];
const directory = mkdtempSync(join(tmpdir(), 'streampool-hls-test-'));
beforeAll(
  () => stage.open({ gateways: 2, workers: 2, env: { HLS_SEGMENT_DURATION: '1', HLS_VIEWER_TIMEOUT: '5' } }),
  60_000,
);
beforeEach(() => stage.repair(), 60_000);
afterEach(() => Promise.all(readers.splice(0).map((reader) => reader.close())));
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await stage.close();
}, 30_000);

/** As so many players: the last of them asks both gateways in turn, as behind a load balancer, the others one. */
function watch(streamId: string, count: number): HlsReader[] {
  const [gateway] = stage.gateways;
  const origins = stage.gateways.map(({ url }) => url);
  const started = Array.from(
    { length: count },
    (_, index) =>
      new HlsReader(`${gateway!.url}/hls/${streamId}/playlist.m3u8?client_id=${streamId}-${index}`, {
        record: true,
        ...(index > 0 && index === count - 1 ? { origins } : {}),
      }),
  );
  readers.push(...started);
  return started;
}

/** Everybody has seen that much since the beginning. */
async function played(all: readonly HlsReader[], seconds: number): Promise<void> {
  await Promise.all(all.map((reader) => reader.waitForPlayed(seconds, 40_000)));
}

/**
 * What a gateway still has of the former owner it keeps listed in front of the new one's segments, and each has what its
 * own viewers asked for: to who asks both in turn, the list may begin earlier again, and be short at the one that had less.
 */
const OF_TWO_GATEWAYS =
  /^(?:4\.3\.3\.2: the media sequence goes back|6\.2\.2: .* s are left of a live playlist)/;

/** No rule of the standard is broken (numbers of segments that go back would be), and what was seen can be decoded. */
async function expectGoodPicture(all: readonly HlsReader[]): Promise<void> {
  const seen = all.map((reader, index) => {
    const { violations, playlistFailures, lost } = reader.report();
    const isAtBoth = index > 0 && index === all.length - 1;
    return {
      ...{ playlistFailures, lost },
      violations: violations.filter((text) => !isAtBoth || !OF_TWO_GATEWAYS.test(text)),
    };
  });
  expect(seen).toEqual(all.map(() => ({ violations: [], playlistFailures: [], lost: 0 })));
  expect(await all[0]!.decodeErrors(directory)).toEqual([]);
}

test('kill -9 of the owner of a transcoded stream: HLS players go on with a discontinuity', async () => {
  stage.provider.live('/pool.ts', stage.sample, { start: 'keyframe' });
  const { id } = await stage.create('transcode', { url: stage.provider.url('/pool.ts'), profile: COPY });
  const all = watch(id, 3);
  await played(all, 3);
  const before = await stage.record(id);
  expect(before).toMatchObject({ state: 'live', viewers: 3 });
  expect(stage.ffmpegs()).toHaveLength(1);
  (await stage.ownerOf(id)).kill();
  const after = await stage.waitForNewOwner(id, before);
  expect(after.viewers).toBe(3);
  await played(all, 9);
  await expectGoodPicture(all);
  for (const reader of all) expect(reader.report().discontinuities).toBeGreaterThan(0);
}, 60_000);

test('kill -9 of the owner of a provider’s playlist: players go on, and the provider sees one of them', async () => {
  const channel = stage.provider.hls('/proxied/', stage.sample, { window: 5 });
  const { id } = await stage.create('streams', { url: stage.provider.url('/proxied/index.m3u8') });
  const all = watch(id, 3);
  await played(all, 3);
  const before = await stage.waitForRecord(id, { state: 'live', viewers: 3 });
  for (const [path, count] of channel.requests)
    if (path.includes('segment')) expect([path, count]).toEqual([path, 1]);
  (await stage.ownerOf(id)).kill();
  await stage.waitForNewOwner(id, before);
  await played(all, 9);
  await expectGoodPicture(all);
}, 60_000);

test('a worker that is drained hands its HLS streams over, and has left when it is empty', async () => {
  stage.provider.live('/drained.ts', stage.sample, { start: 'keyframe' });
  stage.provider.hls('/handed/', stage.sample, { window: 5 });
  const pool = await stage.create('streams', { url: stage.provider.url('/drained.ts'), shared: true });
  const proxied = await stage.create('streams', { url: stage.provider.url('/handed/index.m3u8') });
  const all = [...watch(pool.id, 1), ...watch(proxied.id, 1)];
  await played(all, 3);
  const owner = (await stage.record(pool.id)).owner;
  const answer = await api(stage.gateways[0]!, 'POST', `/workers/${owner}/drain`);
  expect(answer.status).toBe(200);
  for (const { id } of [pool, proxied])
    await waitFor(async () => (await stage.record(id)).owner !== owner, {
      ...{ timeoutMs: 15_000, what: 'another owner' },
    });
  await waitFor(() => !stage.workers.find(({ name }) => name === owner)!.running, {
    ...{ timeoutMs: 30_000, what: 'the end of the drained worker' },
  });
  await played(all, 9);
  await expectGoodPicture(all);
}, 90_000);
