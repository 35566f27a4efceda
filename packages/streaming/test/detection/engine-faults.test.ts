import { FakeProvider, makeSample, Player, type Sample, waitFor } from '@streampool/testkit';
import { DEFAULT_DETECTION_SETTINGS } from '../../src/index.ts';
import { EngineHost } from '../engine-host.ts';

let good: Sample;
let black: Sample;
let provider: FakeProvider;
let host: EngineHost;
const players: Player[] = [];

beforeAll(async () => {
  good = await makeSample({ seconds: 6, gopSeconds: 1 });
  black = await makeSample({ seconds: 6, gopSeconds: 1, extra: ['-vf', 'drawbox=color=black:t=fill'] });
});
beforeEach(async () => {
  provider = await FakeProvider.start();
  provider.live('/good.ts', good, { start: 'keyframe' });
  provider.live('/black.ts', black, { start: 'keyframe' });
  const { picture } = DEFAULT_DETECTION_SETTINGS;
  host = await EngineHost.start({
    sharedStreamTimeoutMs: 300,
    detection: {
      ...DEFAULT_DETECTION_SETTINGS,
      picture: { ...picture, sampleIntervalMs: 500, blackMs: 1_000 },
    },
  });
});
afterEach(async () => {
  await Promise.all(players.splice(0).map((player) => player.close()));
  await host.close();
  await provider.close();
});

test.each(['shared', 'transcode'] as const)(
  'a black source is left for one with a picture, without a viewer noticing (%s)',
  async (kind) => {
    const url = host.add({
      kind,
      url: provider.url('/black.ts'),
      failoverUrls: [provider.url('/good.ts')],
      detection: { picture: { enabled: true } },
    });
    const player = new Player(url);
    players.push(player);
    await player.waitForMedia(0.5);
    player.resetGap();
    await waitFor(() => host.events.some((event) => event.event === 'source_switched'), {
      what: 'a switch',
    });
    expect(host.events.find((event) => event.event === 'source_switched')).toMatchObject({
      reason: 'SOURCE_BLACK',
      failoverIndex: 1,
    });
    await player.waitForMedia(1);
    await waitFor(() => provider.stats('/black.ts').current === 0);
    expect(provider.stats('/good.ts').current).toBe(1);
    expect(player.end).toBeUndefined();
    expect(player.check.notes).toEqual([]);
  },
);

test('unasked, nobody looks at the picture', async () => {
  const url = host.add({ url: provider.url('/black.ts'), failoverUrls: [provider.url('/good.ts')] });
  const player = new Player(url);
  players.push(player);
  await player.waitForMedia(4);
  expect(provider.stats('/good.ts').total).toBe(0);
});
