import {
  type BrowserPlayback,
  chromiumPath,
  HLS_KINDS,
  type HlsChannel,
  type HlsKind,
  type HlsReport,
  installedPrograms,
  type ProgramPlayback,
  playWith,
} from '@streampool/testkit';
import { useHlsStage } from './hls-stage.ts';

const stage = useHlsStage({ browser: true });
/** Seconds that each player plays. */
const PLAYED = 5;
/** What a machine that runs other tests beside these may cost. The benchmark of the players tolerates nothing. */
const TOLERATED_STALL_MS = 5_000;
const PROGRAMS = installedPrograms();

/** What came of a kind that everybody played at once. */
interface Played {
  readonly report: HlsReport;
  readonly decodeErrors: readonly string[];
  readonly programs: readonly ProgramPlayback[];
  readonly browser: BrowserPlayback | undefined;
  readonly channels: readonly HlsChannel[];
  readonly seconds: number;
}

/** VLC has no picture where it has loaded the lists of two renditions with a new segment in between (ADR 0148): then it begins anew. */
async function playToAPicture(program: ProgramPlayback['program'], url: string): Promise<ProgramPlayback> {
  const played = await playWith(program, url, PLAYED);
  return program === 'vlc' && played.playedSeconds === 0 ? playWith(program, url, PLAYED) : played;
}

async function playByEverybody({ open, lowLatency, tracks }: HlsKind): Promise<Played> {
  const { create, body, channels } = open(stage.provider, stage.media);
  const url = await stage.create(create, body);
  const began = performance.now();
  const reader = stage.read(url, { record: true, lowLatency });
  const inBrowser = stage.browser?.play(url, { lowLatency });
  const [programs] = await Promise.all([
    Promise.all(PROGRAMS.map((program) => (tracks ? playToAPicture : playWith)(program, url, PLAYED))),
    reader.waitForPlayed(PLAYED),
    inBrowser?.then((player) => player.waitForPlayed(PLAYED)),
  ]);
  const report = reader.report();
  const browser = await (await inBrowser)?.seen();
  await (await inBrowser)?.close();
  await reader.close();
  const seconds = (performance.now() - began) / 1_000;
  return {
    report,
    decodeErrors: await reader.decodeErrors(stage.directory),
    programs,
    browser,
    channels,
    seconds,
  };
}

// Two at once: most of the time is spent waiting for what is live.
describe.each([
  { names: ['live', 'encrypted'] },
  { names: ['fMP4', 'low latency'] },
  { names: ['multivariant'] },
  { names: ['shared', 'transcoded'] },
])('$names', ({ names }) => {
  const kinds = HLS_KINDS.filter(({ name }) => names.includes(name));
  const played = new Map<string, Played>();
  beforeAll(async () => {
    const results = await Promise.all(kinds.map(playByEverybody));
    for (const [index, result] of results.entries()) played.set(kinds[index]!.name, result);
  });

  describe.each(kinds)('$name', ({ name, lowLatency, tracks }) => {
    test('every playlist keeps the standard, and every segment decodes', () => {
      const { report, decodeErrors } = played.get(name)!;
      expect(report).toMatchObject({
        violations: [],
        lost: 0,
        missed: 0,
        playlistFailures: [],
      });
      expect(report.discontinuities).toBe(0);
      expect(report.stalledMs).toBeLessThan(TOLERATED_STALL_MS);
      expect(report.parts > 0).toBe(lowLatency);
      expect(decodeErrors).toEqual([]);
    });

    test.each(PROGRAMS)('%s plays', (program) => {
      const {
        playedSeconds,
        stalledMs = 0,
        errors,
      } = played.get(name)!.programs.find((one) => one.program === program)!;
      expect(errors).toEqual([]);
      expect(playedSeconds).toBeGreaterThanOrEqual(PLAYED - 0.1);
      expect(stalledMs).toBeLessThan(TOLERATED_STALL_MS);
    });

    // Where there is no Chromium, hls.js cannot be tried.
    (chromiumPath() ? test : test.skip)('hls.js plays in Chromium', () => {
      const seen = played.get(name)!.browser!;
      expect(seen).toMatchObject({ fatalErrors: [], discontinuities: 0 });
      expect(seen.decodedFrames).toBeGreaterThan(PLAYED * 20);
      expect(seen.stalledMs).toBeLessThan(TOLERATED_STALL_MS);
      expect(seen.parts > 0).toBe(lowLatency);
      if (tracks) expect([seen.audioTracks, seen.subtitleTracks]).toEqual([tracks.audio, tracks.subtitles]);
    });

    test('the provider is asked as by one player', () => {
      const { channels, seconds } = played.get(name)!;
      for (const channel of channels) {
        expect([[...channel.requests], channel.askedAsByOne]).toEqual([expect.anything(), true]);
        // Of a delta update and of the whole, where there is both.
        const polls = lowLatency ? (2 * seconds) / 0.4 : seconds / (channel.targetDuration / 2);
        expect(channel.count('playlist').most).toBeLessThanOrEqual(polls + 3);
      }
    });
  });
});
