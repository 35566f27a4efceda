import { type Player, waitFor } from '@streampool/testkit';
import { COPY } from '../e2e/stage.ts';
import { ClusterStage, expectUndisturbed, longestGap } from './cluster-stage.ts';

/** A node that is silent for so long is dead; the least that there is. */
const LEASE_MS = 15_000;

const stage = new ClusterStage();
beforeAll(async () => {
  await stage.open({ gateways: 2, workers: 3, env: { CLEANUP_INTERVAL: '1', SHUTDOWN_NOTICE: '2' } });
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
});
afterEach(async () => {
  await stage.repair();
  await waitFor(() => stage.ffmpegs().length === 0, { what: 'no FFmpeg left' });
});
afterAll(() => stage.close());

test('a rolling restart of all workers: no viewer at a gateway is lost', async () => {
  const url = stage.provider.url('/live.ts?rolling');
  const transcoded = await stage.create('transcode', { url, profile: COPY });
  const shared = await stage.create('streams', { url, shared: true });
  const streams = [transcoded.id, shared.id];
  const audiences = await Promise.all(streams.map((id) => stage.audience(stage.gateways, id, 4)));
  const players = audiences.flat();

  for (const worker of stage.workers) {
    expect(await worker.stop()).toBe(0);
    for (const id of streams) {
      const isElsewhere = async (): Promise<boolean> => {
        const { owner, state } = await stage.record(id);
        return owner !== undefined && owner !== worker.name && state === 'live';
      };
      await waitFor(isElsewhere, { what: `${id} being played without ${worker.name}` });
    }
    await worker.start();
  }
  await Promise.all(players.map((player) => player.waitForMedia(2)));
  expectUndisturbed(players);
  expect(longestGap(players)).toBeLessThan(LEASE_MS - 2_000);
  for (const id of streams) await stage.waitForRecord(id, { state: 'live', viewers: 4 });
  expect(stage.ffmpegs()).toEqual([(await stage.record(transcoded.id)).ffmpegPid]);
  await waitFor(() => stage.provider.stats('/live.ts').current === 2, { what: 'two provider connections' });
});

test('a rolling restart of all gateways: players that connect again get the same stream', async () => {
  const { id } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts?gateways'),
    profile: COPY,
  });
  const [first, second] = stage.gateways;
  let players = await stage.audience([first!, second!], id, 6);
  const { owner, epoch, ffmpegPid } = await stage.record(id);

  for (const [leaving, other] of [
    [first!, second!],
    [second!, first!],
  ] as const) {
    const stopped = leaving.stop();
    const isEnded = (player: Player): boolean => player.end !== undefined;
    const had = players.length;
    await waitFor(
      () => players.filter(isEnded).length === had / 2 || players.every(isEnded) || !leaving.running,
    );
    expectUndisturbed(players.filter((player) => !isEnded(player)));
    const again = await stage.audience([other], id, players.filter(isEnded).length);
    players = [...players.filter((player) => !isEnded(player)), ...again];
    expect(await stopped).toBe(0);
    await leaving.start();
  }
  expect(players).toHaveLength(6);
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expectUndisturbed(players);
  await stage.waitForRecord(id, { owner: owner!, epoch, ffmpegPid: ffmpegPid!, state: 'live', viewers: 6 });
  expect(stage.ffmpegs()).toEqual([ffmpegPid]);
});

test('kill -9 of a gateway: its viewers leave the records, and what nobody watches any more ends', async () => {
  const { id } = await stage.create('transcode', {
    url: stage.provider.url('/live.ts?crash'),
    profile: COPY,
  });
  const other = await stage.create('streams', { url: stage.provider.url('/live.ts?alone'), shared: true });
  const [gateway, survivor] = stage.gateways;
  const lost = await stage.audience([gateway!], id, 4);
  const alone = await stage.audience([gateway!], other.id, 2);
  const [kept] = await stage.audience([survivor!], id, 1);
  await stage.waitForRecord(id, { viewers: 5 });
  await stage.waitForRecord(other.id, { viewers: 2 });

  await gateway!.kill();
  await Promise.all([...lost, ...alone].map((player) => player.ended));
  // Its relays went with it: nobody watches the second stream, whatever the records still say.
  await waitFor(() => stage.provider.stats('/live.ts').current === 1, {
    what: 'the end of the unwatched stream',
  });
  await stage.waitForRecord(id, { viewers: 1, state: 'live' }, LEASE_MS + 25_000);
  await stage.waitForRecord(other.id, { viewers: 0 });
  const { items } = await stage.state.listClients({ streamId: id });
  expect(items.map(({ node }) => node)).toEqual([survivor!.name]);
  expect((await stage.state.listWorkers()).map(({ id: name }) => name)).not.toContain(gateway!.name);
  expectUndisturbed([kept!]);
});
