import type { StreamRecord } from '@streampool/state';
import { type ClusterNode, isAlive, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed, longestGap } from './cluster-stage.ts';

/** Silence after which a node counts as stuck. */
const STALL_SECONDS = 4;
/** Until viewers have the stream from somebody else: silence, claim, FFmpeg, and what a busy machine adds. A lease lasts longer. */
const TAKEOVER_MS = 13_000;

const stage = new ClusterStage();
beforeAll(async () => {
  await stage.open({ gateways: 2, workers: 3, proxied: true, env: { STALL_TIMEOUT: `${STALL_SECONDS}` } });
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(async () => {
  await stage.repair();
  await waitFor(() => stage.ffmpegs().length === 0, { what: 'no FFmpeg left' });
});
afterAll(() => stage.close());

/** Whoever took over plays it, alone, to everybody; unless a busy machine made somebody take over from that one. */
async function expectOneOwner(id: string, after: StreamRecord, viewers: number): Promise<void> {
  const { owner, epoch } = await stage.waitForRecord(id, { state: 'live', viewers });
  expect(epoch).toBeGreaterThanOrEqual(after.epoch);
  if (epoch === after.epoch) expect(owner).toBe(after.owner);
  const isAlone = async (): Promise<boolean> =>
    stage.ffmpegs().join() === `${(await stage.record(id)).ffmpegPid}`;
  await waitFor(isAlone, { what: 'one FFmpeg, that of the record' });
}

test('an owner that stands still loses its stream, and follows the new owner when it goes on', async () => {
  const { id } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts?stuck'),
    profile: COPY,
  });
  const players = await stage.audience(stage.gateways, id, 6);
  const before = await stage.record(id);
  const stuck = await stage.ownerOf(id);
  const [loyal] = await stage.audience([stuck], id, 1);

  stuck.suspend();
  const after = await stage.waitForNewOwner(id, before);
  await Promise.all(players.map((player) => player.waitForMedia(2)));
  expectUndisturbed(players);
  expect(longestGap(players)).toBeLessThan(TAKEOVER_MS);

  stuck.continue();
  await waitFor(() => !isAlive(before.ffmpegPid!), { what: 'the end of the stale FFmpeg' });
  // Its own viewer has waited, and goes on with what the new owner sends.
  await loyal!.waitForMedia(2);
  await waitFor(() => stage.provider.stats('/live.ts').current === 1, { what: 'one provider connection' });
  await expectOneOwner(id, after, 7);
  expectUndisturbed([...players, loyal!]);
});

test('an owner that Redis does not hear goes on serving, and is the owner afterwards', async () => {
  const { id } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts?unheard'),
    profile: COPY,
  });
  const players = await stage.audience(stage.gateways, id, 4);
  const owner = await stage.ownerOf(id);
  const before = await stage.record(id);

  owner.toRedis.blackHole('hold');
  await Promise.all(players.map((player) => player.waitForMedia(4)));
  // Somebody who comes meanwhile is shown to the owner all the same.
  players.push(...(await stage.audience([stage.workers.find((worker) => worker !== owner)!], id, 1)));
  expect(stage.ffmpegs()).toHaveLength(1);
  await owner.toRedis.resume();

  const { owner: name, epoch } = before;
  await stage.waitForRecord(id, { owner: name!, epoch, state: 'live', viewers: 5 });
  expect(stage.ffmpegs()).toEqual([before.ffmpegPid]);
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1 });
  expectUndisturbed(players);
  expect(longestGap(players)).toBeLessThan(STALL_SECONDS * 1_000);
});

test.each(['hold', 'refuse'] as const)(
  'an owner whom no peer reaches (%s) makes way for one whom they do',
  async (how) => {
    const { id } = await stage.create('transcode', {
      url: stage.provider.url(`/live.ts?${how}`),
      profile: COPY,
    });
    const players = await stage.audience(stage.gateways, id, 4);
    const before = await stage.record(id);
    const lonely = await stage.ownerOf(id);
    const [loyal] = await stage.audience([lonely], id, 1);

    if (how === 'hold') lonely.fromPeers.blackHole('hold');
    else await lonely.fromPeers.refuse();
    const after = await stage.waitForNewOwner(id, before);
    await Promise.all(players.map((player) => player.waitForMedia(2)));
    expect(longestGap(players)).toBeLessThan(TAKEOVER_MS);
    // It hears of it from Redis, which it still reaches, and follows: its way to the others is whole.
    await waitFor(() => !isAlive(before.ffmpegPid!), { what: 'the end of the stale FFmpeg' });
    await loyal!.waitForMedia(2);
    await lonely.fromPeers.resume();

    await expectOneOwner(id, after, 5);
    await waitFor(() => stage.provider.stats('/live.ts').current === 1, { what: 'one provider connection' });
    expectUndisturbed([...players, loyal!]);
  },
);

test('workers that do not reach each other do not depose one another: each shows its viewers the stream until they do', async () => {
  const { id } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts?apart'),
    profile: COPY,
  });
  const [first, second] = stage.workers as [ClusterNode, ClusterNode];
  const players = await stage.audience([first], id, 1);
  const before = await stage.record(id);
  expect(before.owner).toBe(first.name);
  players.push(...(await stage.audience([second], id, 1)));

  for (const node of [first, second]) node.fromPeers.blackHole('hold');
  const after = await stage.waitForNewOwner(id, before);
  expect(after.owner).toBe(second.name);
  await waitFor(() => stage.ffmpegs().length === 2, { what: 'an FFmpeg on each side' });
  await Promise.all(players.map((player) => player.waitForMedia(4)));
  // Nobody took it back.
  expect(await stage.record(id)).toMatchObject({ owner: second.name, epoch: before.epoch + 1 });
  expect(longestGap(players)).toBeLessThan(TAKEOVER_MS);

  for (const node of [first, second]) await node.fromPeers.resume();
  await waitFor(() => stage.ffmpegs().length === 1, { what: 'one FFmpeg again' });
  await waitFor(() => stage.provider.stats('/live.ts').current === 1, { what: 'one provider connection' });
  await stage.waitForRecord(id, { owner: second.name, epoch: before.epoch + 1, state: 'live', viewers: 2 });
  expectUndisturbed(players);
});
