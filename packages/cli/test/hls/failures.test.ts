import { FakeProvider, type HlsChannel, type HlsReader, waitFor } from '@streampool/testkit';
import { useHlsStage } from './hls-stage.ts';

const stage = useHlsStage();
let elsewhere: FakeProvider;
beforeAll(async () => {
  elsewhere = await FakeProvider.start({ keepAliveMs: 10_000 });
});
afterAll(() => elsewhere.close());

/** What the provider took away, or refused, before it could be fetched cannot be had from anybody; on a busy machine that is one. */
const MOST_LOST = 1;

interface Case {
  /** What happens in the middle, and to what. */
  readonly happens: (channel: HlsChannel, path: string) => void;
  /** A second source is there. */
  readonly failover?: boolean;
  /** Discontinuities that the viewer is told of, at least. */
  readonly discontinuities: number;
  /** Segments that were listed and cannot be had. */
  readonly mostLost?: number;
}

const CASES: Record<string, Case> = {
  'numbers that begin again': { happens: (channel) => channel.restart(), discontinuities: 1 },
  'numbers that leap': { happens: (channel) => channel.jump(5_000), discontinuities: 0 },
  'a playlist that is gone': {
    happens: (channel) => {
      channel.failing.playlist = 404;
      channel.failing.segment = 404;
    },
    ...{ failover: true, discontinuities: 1 },
  },
  'a server that fails': {
    happens: (channel) => {
      channel.failing.playlist = 503;
      channel.failing.segment = 503;
    },
    ...{ failover: true, discontinuities: 1 },
  },
  'segments that are refused while the playlist goes on': {
    happens: (channel) => {
      channel.failing.segment = 403;
    },
    // What the provider had listed and then refused cannot be had from anybody.
    ...{ failover: true, discontinuities: 1, mostLost: 1 },
  },
  'an answer that never comes, once': {
    happens: (_, path) => stage.provider.fault(`${path}index.m3u8`, { kind: 'no-head' }, { times: 1 }),
    // It is waited for as long as a segment lasts, and then asked for again.
    discontinuities: 0,
  },
  'a segment cut in the middle, once': {
    happens: (channel, path) => {
      const { end } = channel.timeline.listed();
      stage.provider.fault(
        `${path}segment-${end}.ts`,
        { kind: 'cut', afterBytes: 40_000, how: 'rst' },
        { times: 1 },
      );
    },
    discontinuities: 0,
  },
};

/** What a viewer may see while its source fails and another one has to be found. */
const MOST_STALLED_MS = 8_000;

test('players go on whatever a provider does: no rule broken, no number back, nothing that does not decode', async () => {
  const moved = stage.provider.hls('/moved/', stage.media.sample, {
    ...{ segmentSeconds: 2, redirect: (_, name) => elsewhere.url(`/cdn/${name}?here=1`) },
  });
  elsewhere.route('/cdn/', (exchange, rest) => moved.serve(exchange, rest, { redirected: true }));
  const names = Object.keys(CASES);
  const open = async (
    name: string,
    index: number,
  ): Promise<{ channel: HlsChannel; path: string; reader: HlsReader }> => {
    const path = `/case-${index}/`;
    const channel = stage.provider.hls(path, stage.media.sample, { segmentSeconds: 2 });
    stage.provider.hls(`/backup-${index}/`, stage.media.sample, { segmentSeconds: 2 });
    const url = await stage.create('streams', {
      url: stage.provider.url(`${path}index.m3u8`),
      ...(CASES[name]!.failover
        ? { failover_urls: [stage.provider.url(`/backup-${index}/index.m3u8`)] }
        : {}),
    });
    return { channel, path, reader: stage.read(url, { record: true }) };
  };
  const opened = await Promise.all(names.map(open));
  const redirected = stage.read(
    await stage.create('streams', { url: stage.provider.url('/moved/index.m3u8') }),
    {
      record: true,
    },
  );
  await Promise.all(
    [redirected, ...opened.map(({ reader }) => reader)].map((reader) => reader.waitForPlayed(4)),
  );
  for (const [index, { channel, path }] of opened.entries()) CASES[names[index]!]!.happens(channel, path);
  await Promise.all(
    [redirected, ...opened.map(({ reader }) => reader)].map((reader) => reader.waitForPlayed(14)),
  );

  const seen = await Promise.all(
    opened.map(async ({ reader }, index) => {
      const { discontinuities, mostLost = MOST_LOST } = CASES[names[index]!]!;
      const report = reader.report();
      await reader.close();
      return {
        ...{ name: names[index], playlistFailures: report.playlistFailures },
        violations: report.violations,
        ...{ lost: Math.max(0, report.lost - mostLost), errors: await reader.decodeErrors(stage.directory) },
        discontinuities: report.discontinuities >= discontinuities,
        stalled: report.stalledMs <= MOST_STALLED_MS ? 'little' : report.stalledMs,
      };
    }),
  );
  const wanted = {
    violations: [],
    playlistFailures: [],
    lost: 0,
    errors: [],
    discontinuities: true,
    stalled: 'little',
  };
  expect(seen).toEqual(names.map((name) => ({ name, ...wanted })));
  expect(redirected.report()).toMatchObject({ violations: [], lost: 0, discontinuities: 0 });
  // Both hosts are asked for what they have: nothing of it twice.
  expect(moved.askedAsByOne).toBe(true);
});

test('an event grows and a recording ends: all of it is there, and its end is told', async () => {
  const event = stage.provider.hls('/event/', stage.media.sample, {
    type: 'event',
    segmentSeconds: 2,
    window: 3,
  });
  stage.provider.hls('/vod/', stage.media.fmp4, { type: 'vod', single: true });
  const [growing, complete] = await Promise.all(
    ['event', 'vod'].map(async (kind) =>
      stage.read(await stage.create('streams', { url: stage.provider.url(`/${kind}/index.m3u8`) }), {
        record: true,
      }),
    ),
  );
  await Promise.all([
    growing!.waitForPlayed(7),
    waitFor(() => complete!.followers[0]?.ended, { what: 'the end' }),
  ]);
  expect(growing!.main.history.listed.at(0)?.sequence).toBe(growing!.main.played[0]);
  expect(growing!.main.playlist).toMatchObject({ type: 'EVENT', ended: false });
  expect(complete!.main.playlist).toMatchObject({ type: 'VOD', ended: true });
  expect(complete!.main.played).toEqual([0, 1, 2]);
  for (const reader of [growing!, complete!]) {
    expect(reader.report()).toMatchObject({ violations: [], lost: 0 });
    await reader.close();
    expect(await reader.decodeErrors(stage.directory)).toEqual([]);
  }
  expect(event.askedAsByOne).toBe(true);
});
