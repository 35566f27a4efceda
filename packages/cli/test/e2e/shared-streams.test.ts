import { api, decodeErrors, makeSample, type Player, processInfo, waitFor } from '@streampool/testkit';
import { useStage } from './stage.ts';

const stage = useStage();

test('all viewers share one connection, each begins with a keyframe, and it is closed after the last', async () => {
  stage.provider.live('/live.ts', stage.sample, { start: 'live' });
  const { url } = await stage.create('streams', { url: stage.provider.url('/live.ts'), shared: true });
  expect(stage.provider.stats('/live.ts').total).toBe(0);
  const players: Player[] = [];
  const tenMore = async (): Promise<void> => {
    players.push(...Array.from({ length: 10 }, () => stage.play(url)));
    await Promise.all(players.map((player) => player.waitForPicture()));
  };
  await tenMore();
  await tenMore();
  await Promise.all(players.map((player) => player.waitForMedia(1)));
  expect(stage.provider.stats('/live.ts')).toMatchObject({ current: 1, max: 1, total: 1 });
  // What a newcomer begins with is here: the source need not send anything for it.
  stage.provider.stall('/live.ts');
  await tenMore();
  await tenMore();
  expect(stage.provider.stats('/live.ts').max).toBe(1);
  expect(players.flatMap((player) => player.check.notes)).toEqual([]);
  expect(players.filter((player) => player.check.firstPicture!.undecodable > 0)).toEqual([]);
  await stage.hangUp();
  await waitFor(() => stage.provider.stats('/live.ts').current === 0);
});

test.each([
  ['cut', () => stage.provider.cut('/fragile.ts', 'rst')],
  ['ended', () => stage.provider.cut('/fragile.ts', 'fin')],
  ['silent', () => stage.provider.stall('/fragile.ts')],
])('a provider connection that is %s is replaced under the viewers', async (_, harm) => {
  stage.provider.live('/fragile.ts', stage.sample, { start: 'keyframe' });
  const { url } = await stage.create('streams', { url: stage.provider.url('/fragile.ts'), shared: true });
  const player = stage.play(url, { record: true });
  await player.waitForMedia(1);
  const connections = stage.provider.stats('/fragile.ts').total;
  harm();
  await waitFor(() => stage.provider.stats('/fragile.ts').total > connections);
  await player.waitForMedia(1.5);
  expect(player.end).toBeUndefined();
  expect(player.check.notes).toEqual([]);
  // Not even the picture in whose middle the provider stopped.
  expect(await decodeErrors(player.saveRecording(stage.file('replaced.ts')))).toEqual([]);
});

test('garbage between packets does not reach the viewers', async () => {
  stage.provider.live('/dirty.ts', stage.sample, { start: 'keyframe' });
  stage.provider.fault('/dirty.ts', { kind: 'garbage', afterBytes: 188 * 500, bytes: 333 });
  const { url } = await stage.create('streams', { url: stage.provider.url('/dirty.ts'), shared: true });
  const player = stage.play(url);
  await player.waitForBytes(250_000);
  expect(player.check.notes).toEqual([]);
});

test('a stalled viewer is dropped after CLIENT_TIMEOUT, a slow one skips, and nobody else notices', async () => {
  // 20 Mbit/s: the kernel's buffers of a viewer that does not read are full within seconds.
  const rich = await makeSample({
    seconds: 4,
    size: '1280x720',
    videoKbps: 20_000,
    constantRate: true,
    bFrames: 0,
  });
  stage.provider.live('/rich.ts', rich, { start: 'keyframe' });
  const { id, url } = await stage.create('streams', { url: stage.provider.url('/rich.ts'), shared: true });
  const good = Array.from({ length: 5 }, () => stage.play(url));
  await Promise.all(good.map((player) => player.waitForPicture()));
  const stalled = stage.play(`${url}?client_id=stalled`, { stalled: true });
  // A fifth of the rate. Much slower, and the kernel's window (opened again in steps of up to 400 KB) would look like a stall.
  const slow = stage.play(`${url}?client_id=slow`, { bytesPerSecond: 500_000 });
  await waitFor(async () => (await clientsOf(id)).includes('stalled'));
  const rss = processInfo(stage.server.pid)!.rssBytes;
  await waitFor(async () => !(await clientsOf(id)).includes('stalled'), { timeoutMs: 40_000 });
  expect(await clientsOf(id)).toContain('slow');
  expect(processInfo(stage.server.pid)!.rssBytes - rss).toBeLessThan(100e6);
  expect(good.map((player) => player.end).filter(Boolean)).toEqual([]);
  expect(good.flatMap((player) => player.check.notes)).toEqual([]);
  // CLIENT_TIMEOUT is 5 s: who waited for the stalled one would have waited for that.
  expect(Math.max(...good.map((player) => player.longestGapMs))).toBeLessThan(4_000);
  expect(slow.end).toBeUndefined();
  stalled.resume();
  expect(await stalled.ended).toMatch(/fin|reset/);
});

async function clientsOf(id: string): Promise<string[]> {
  const { body } = await api(stage.server, 'GET', `/streams/${id}`);
  return (body as { clients: { client_id: string }[] }).clients.map((client) => client.client_id);
}
