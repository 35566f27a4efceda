import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, HlsReader, isAlive, makeSample, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed, longestGap } from './cluster-stage.ts';

const stage = new ClusterStage();
const directory = mkdtempSync(join(tmpdir(), 'streampool-takeover-'));
beforeAll(() => stage.open({ gateways: 2, workers: 3, env: { BROADCAST_DIR: directory } }));
beforeEach(() => {
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(() => stage.hangUp());
afterAll(async () => {
  await stage.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Nobody waits until a dead owner's lease is over, which lasts 15 s. */
const LEASE_MS = 13_000;

const LIVES = ['stream_started', 'stream_stopped', 'stream_failed', 'owner_changed'];
/** What the cluster told of a stream as such, oldest first. */
async function lives(streamId: string): Promise<string[]> {
  const events = await stage.state.readEvents({ streamId, limit: 5_000 });
  return events.map(({ type }) => type).filter((type) => LIVES.includes(type));
}

test('sixty first viewers at once, at gateways and at workers, share one FFmpeg and one provider connection', async () => {
  const url = stage.provider.url('/live.ts?first');
  const { id } = await stage.create('transcode', { url, profile: 'lowlatency' });
  const doors = [...stage.gateways, ...stage.workers];
  const players = Array.from({ length: 60 }, (_, i) => stage.play(doors[i % doors.length]!, id));
  const pids = new Set<number>();
  await waitFor(() => {
    for (const pid of stage.ffmpegs()) pids.add(pid);
    return players.every((player) => player.firstPictureMs !== undefined || player.end);
  });
  expect(players.map((player) => player.end).filter(Boolean)).toEqual([]);
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expect(pids.size).toBe(1);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, max: 1, total: 1 });
  expect(players.map((player) => player.check.firstPicture!.undecodable)).toEqual(players.map(() => 0));
  expectUndisturbed(players);
  // Every viewer is in the records once, under the node that holds its socket; no node is a viewer.
  await waitFor(async () => (await stage.state.getStream(id))?.viewers === 60, {
    what: '60 viewers in the records',
  });
  const { items } = await stage.state.listClients({ streamId: id });
  const names = ['gateway-0', 'gateway-1', 'worker-0', 'worker-1', 'worker-2'];
  expect(names.map((name) => items.filter(({ node }) => node === name).length)).toEqual([12, 12, 12, 12, 12]);
  const record = await stage.state.getStream(id);
  expect(record).toMatchObject({ state: 'live', epoch: 1, ffmpegPid: [...pids][0] });
  expect(record!.owner).toMatch(/^worker-/);

  await stage.hangUp();
  await waitFor(() => stage.ffmpegs().length === 0, { what: 'no FFmpeg left' });
  // Five nodes played it, and it started and stopped once.
  await waitFor(async () => (await lives(id)).length > 1, { what: 'the end among the events' });
  await waitFor(async () => (await stage.record(id)).owner === '', { what: 'a stream that is nobody’s' });
  expect(await lives(id)).toEqual(['stream_started', 'stream_stopped']);
});

test('kill -9 of the owner: every socket is kept, the stream goes on, one FFmpeg and a new owner', async () => {
  const url = stage.provider.url('/live.ts?killed');
  const { id } = await stage.create('transcode', { url, profile: COPY });
  const players = Array.from({ length: 20 }, (_, i) => stage.play(stage.gateways[i % 2]!, id));
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  const before = (await stage.state.getStream(id))!;
  const owner = await stage.ownerOf(id);
  const survivors = stage.workers.filter((worker) => worker !== owner);
  const follower = stage.play(survivors[0]!, id);
  await follower.waitForMedia(1);
  players.push(follower);
  for (const player of players) player.resetGap();

  await owner.kill();
  await Promise.all(players.map((player) => player.waitForMedia(3)));
  expectUndisturbed(players);
  expect(longestGap(players)).toBeLessThan(LEASE_MS);
  await waitFor(() => !isAlive(before.ffmpegPid!), { what: 'the end of the FFmpeg whose worker was killed' });
  await waitFor(() => stage.ffmpegs().length === 1, { what: 'one FFmpeg' });
  const after = (await stage.state.getStream(id))!;
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect(after.owner).not.toBe(before.owner);
  expect(after.owner).toMatch(/^worker-/);
  await waitFor(() => stage.provider.stats('/live.ts').current === 1, { what: 'one provider connection' });
  expect(await lives(id)).toEqual(['stream_started', 'owner_changed']);
});

test('kill -9 of the owner of a network: it goes on at its time, is played once, and its end is told once', async () => {
  const film = await makeSample({ seconds: 60, gopSeconds: 1, videoKbps: 300 });
  stage.provider.file('/film.ts', film.path, { ranges: true });
  const told: string[] = [];
  const receiver = createServer((req, res) => {
    req.on('data', (part) => told.push(`${part}`)).on('end', () => res.end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const [first, second] = stage.gateways;
  const started = await api(first!, 'POST', '/broadcast/one/start', {
    ...{ stream_url: stage.provider.url('/film.ts'), duration_seconds: 8, segment_duration: 1 },
    callback_url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
  });
  expect([started.status, started.body]).toMatchObject([200, { status: 'running' }]);
  const { stream_id: id } = started.body as { stream_id: string };
  const isShown = async () => (await api(second!, 'GET', '/broadcast/one/live.m3u8')).status === 200;
  await waitFor(isShown, { what: 'its first segment' });
  const player = new HlsReader(`${second!.url}/broadcast/one/live.m3u8`, { record: true, slackMs: 8_000 });
  await player.waitForPlayed(2);
  const before = await stage.record(id);
  const owner = await stage.ownerOf(id);
  let most = 0;
  const count = setInterval(() => {
    most = Math.max(most, stage.ffmpegs().length);
  }, 20);
  await owner.kill();
  // Back before the programme is over, it is to leave it where it is.
  const back = owner.start();
  await stage.waitForNewOwner(id, before);
  await waitFor(() => told.length > 0, { what: 'the end of the programme' });
  await back;
  clearInterval(count);
  const statuses = await Promise.all(
    stage.gateways.map(async (gateway) => (await api(gateway, 'GET', '/broadcast/one/status')).body),
  );
  expect(statuses).toMatchObject([{ status: 'stopped' }, { status: 'stopped' }]);
  expect(most).toBe(1);
  const { violations, ...report } = player.report();
  expect(report).toMatchObject({ playlistFailures: [], lost: 0, discontinuities: 1 });
  expect(violations).toEqual([]);
  expect(told.map((body) => JSON.parse(body))).toMatchObject([
    { network_id: 'one', event: 'programme_ended', data: { exit_code: 0 } },
  ]);
  await player.close();
  receiver.close();
});

test('SIGTERM of the owner: it says that it is leaving, and another worker takes over with every socket kept', async () => {
  const url = stage.provider.url('/live.ts?leaving');
  const { id } = await stage.create('streams', { url, shared: true });
  const players = Array.from({ length: 10 }, (_, i) => stage.play(stage.gateways[i % 2]!, id));
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  const before = (await stage.state.getStream(id))!;
  await (await stage.ownerOf(id)).stop();
  await Promise.all(players.map((player) => player.waitForMedia(2)));
  expectUndisturbed(players);
  const after = (await stage.state.getStream(id))!;
  expect(after.epoch).toBeGreaterThan(before.epoch);
  expect(after.owner).not.toBe(before.owner);
});

test('nobody gets a stream from a worker without the token', async () => {
  const { id } = await stage.create('streams', { url: stage.provider.url('/live.ts?token'), shared: true });
  const worker = stage.workers.find(({ running }) => running)!;
  const ask = async (headers: Record<string, string>): Promise<number> => {
    const answer = await fetch(`${worker.url}/internal/streams/${id}/relay`, { headers });
    await answer.body?.cancel();
    return answer.status;
  };
  expect(await ask({})).toBe(401);
  expect(await ask({ authorization: 'Bearer wrong' })).toBe(403);
  expect(await ask({ authorization: `Bearer ${stage.cluster.token}` })).toBe(200);
});
