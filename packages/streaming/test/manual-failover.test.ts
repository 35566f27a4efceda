import { FakeProvider, ffmpegsOf, makeSample, Player, type Sample, waitFor } from '@streampool/testkit';
import { EngineHost } from './engine-host.ts';

let sample: Sample;
let provider: FakeProvider;
let host: EngineHost;
let players: Player[];

beforeAll(async () => {
  sample = await makeSample({ seconds: 6, gopSeconds: 1 });
});
beforeEach(async () => {
  provider = await FakeProvider.start();
  for (const path of ['/live.ts', '/backup.ts']) provider.live(path, sample, { start: 'keyframe' });
  host = await EngineHost.start({
    sharedStreamTimeoutMs: 300,
    // None of these sources is silent: only a busy machine would be taken for one.
    stallTimeoutMs: 10_000,
    streamTimeoutMs: 20_000,
  });
  players = [];
});
afterEach(async () => {
  await Promise.all(players.map((player) => player.close()));
  await host.close();
  await provider.close();
});

function play(url: string): Player {
  const player = new Player(url);
  players.push(player);
  return player;
}

const current = (): number[] => ['/live.ts', '/backup.ts'].map((path) => provider.stats(path).current);
const clean = { syncErrors: 0, continuityErrors: 0, timestampErrors: 0, notes: [] };
const found = ({ check: { syncErrors, continuityErrors, timestampErrors, notes } }: Player) => ({
  ...{ syncErrors, continuityErrors, timestampErrors, notes },
});

test.each(['shared', 'transcode'] as const)(
  'the other source is made ready beside the one that plays, there and back (%s)',
  async (kind) => {
    const url = host.add({ kind, url: provider.url('/live.ts'), failoverUrls: [provider.url('/backup.ts')] });
    const viewers = [play(url), play(url)];
    await Promise.all(viewers.map((viewer) => viewer.waitForMedia(1)));
    const ffmpegs = ffmpegsOf(process.pid).map(({ pid }) => pid);
    for (const viewer of viewers) viewer.resetGap();
    for (const failoverIndex of [1, 0]) {
      expect(await host.engine.failover('stream-0')).toMatchObject({ failoverIndex });
      await Promise.all(viewers.map((viewer) => viewer.waitForMedia(1)));
      await waitFor(() => current()[failoverIndex] === 1 && current()[1 - failoverIndex] === 0);
    }
    expect(viewers.map(found)).toEqual(viewers.map(() => clean));
    expect(viewers.map(({ end }) => end).filter(Boolean)).toEqual([]);
    // FFmpeg has noticed nothing.
    expect(ffmpegsOf(process.pid).map(({ pid }) => pid)).toEqual(ffmpegs);
    const switches = host.events.filter(({ event }) => event === 'source_switched');
    expect(switches).toMatchObject([
      { reason: 'MANUAL', failoverIndex: 1 },
      { reason: 'MANUAL', failoverIndex: 0 },
    ]);
  },
);

test('a source that cannot be played changes nothing, and says why', async () => {
  const url = host.add({
    url: provider.url('/live.ts'),
    failoverUrls: [provider.url('/missing.ts'), provider.url('/backup.ts')],
  });
  const viewer = play(url);
  await viewer.waitForMedia(1);
  await expect(host.engine.failover('stream-0')).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
  await viewer.waitForMedia(1);
  expect(provider.stats('/live.ts')).toMatchObject({ current: 1, total: 1 });
  expect(host.engine.pools()).toMatchObject([{ failoverIndex: 0, state: 'live' }]);
  expect(await host.engine.failover('stream-0', { index: 2 })).toMatchObject({ failoverIndex: 2 });
  await viewer.waitForMedia(1);
  expect(found(viewer)).toEqual(clean);
});

test('without another source, or without viewers, there is nothing to change over to', async () => {
  const url = host.add({ url: provider.url('/live.ts') });
  await expect(host.engine.failover('stream-0')).rejects.toMatchObject({ code: 'STREAM_NOT_PLAYING' });
  await play(url).waitForMedia(1);
  await expect(host.engine.failover('stream-0')).rejects.toMatchObject({ code: 'FAILOVER_NOT_CONFIGURED' });
});
