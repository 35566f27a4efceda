import { api, type Player, waitFor } from '@streampool/testkit';
import { ClusterStage } from '../cluster/cluster-stage.ts';

const stage = new ClusterStage();
beforeAll(() => stage.open({ gateways: 2, workers: 2, env: { SLATE_AFTER: '300ms' } }));
afterEach(() => stage.repair());
afterAll(() => stage.close());

/** Viewers at all nodes, as the records know. */
async function audience(id: string, count: number): Promise<Player[]> {
  const players = await stage.audience([...stage.gateways, ...stage.workers], id, count);
  await waitFor(async () => (await stage.record(id)).viewers === count);
  for (const player of players) player.resetGap();
  return players;
}

const clean = (players: readonly Player[]): void =>
  expect(players.flatMap((player) => player.check.notes)).toEqual([]);

test('any gateway reaches the owner, and the viewers of all nodes count', async () => {
  for (const path of ['/first.ts', '/second.ts'])
    stage.provider.live(path, stage.sample, { start: 'keyframe' });
  const { id } = await stage.create('streams', {
    ...{ url: stage.provider.url('/first.ts'), failover_urls: [stage.provider.url('/second.ts')] },
    shared: true,
  });
  const players = await audience(id, 8);
  const { status, body } = await api(stage.gateways[1]!, 'POST', `/streams/${id}/drill`, {
    ...{ fault: 'cut', seconds: 4 },
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({ switched: true, failover_index: 1, viewers: 8, dropped: 0 });
  const { gap_ms } = body as { gap_ms: { p50: number; max: number } };
  expect(gap_ms.p50).toBeGreaterThan(0);
  // They went on while the drill lasted.
  expect(gap_ms.max).toBeLessThan(4_000);
  const seen = Math.max(...players.map((player) => player.longestGapMs));
  expect(Math.abs(gap_ms.max - seen)).toBeLessThan(3_000);
  expect(stage.provider.stats('/first.ts')).toMatchObject({ current: 0, max: 1, total: 1 });
  clean(players);
});

test('the owner shows the slate, and relays carry it to the viewers of all nodes', async () => {
  stage.provider.live('/alone.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url('/alone.ts');
  const { id } = await stage.create('streams', { url, shared: true, slate: true });
  const players = await audience(id, 4);
  await Promise.all(players.map((player) => player.waitForMedia(3)));
  const { body } = await api(stage.gateways[0]!, 'POST', `/streams/${id}/drill`, {
    ...{ fault: 'cut', seconds: 3 },
  });
  expect(body).toMatchObject({ viewers: 4, dropped: 0 });
  const { slate_ms, gap_ms } = body as { slate_ms: number; gap_ms: { max: number } };
  expect(slate_ms).toBeGreaterThan(1_000);
  expect(gap_ms.max).toBeLessThan(3_000);
  clean(players);
});
