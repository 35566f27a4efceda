/** What real players make of every kind of HLS. See `scripts/bench/hls-players --help`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  createStream,
  FakeProvider,
  HLS_KINDS,
  HlsBrowser,
  type HlsKind,
  HlsReader,
  installedPrograms,
  makeHlsKindMedia,
  playWith,
} from '@streampool/testkit';
import { printTable, say } from './measure/report.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    kind: { type: 'string', multiple: true },
    player: { type: 'string', multiple: true },
    'at-once': { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const PLAYERS = ['standard', 'hls.js', 'ffmpeg', 'streamlink', 'vlc'] as const;
type PlayerName = (typeof PLAYERS)[number];

if (values.help) {
  console.log(`scripts/bench/hls-players [options]

  --seconds 120     how long each player plays
  --kind live       one of ${HLS_KINDS.map(({ name }) => name).join(', ')}; several by repeating it, all by default
  --player hls.js   one of ${PLAYERS.join(', ')}; several by repeating it, all by default
  --at-once 2       kinds that are played at the same time, each by all players
  --json            one JSON object on stdout

standard: a reader that follows RFC 8216 and checks every playlist against it, and lets FFmpeg decode every segment.
A stall is a time in which the picture would stand still, or stands still. The exit code is 1 when there was one, or an error.`);
  process.exit();
}

interface Playback {
  readonly kind: string;
  readonly player: PlayerName;
  readonly playedSeconds: number;
  readonly stalls: number;
  /** VLC does not tell. */
  readonly stalledMs: number | undefined;
  readonly errors: readonly string[];
}

const seconds = Number(values.seconds);
const directory = mkdtempSync(join(tmpdir(), 'bench-hls-'));
const media = await makeHlsKindMedia();
const provider = await FakeProvider.start({ keepAliveMs: 30_000 });
const server = await startServer({}, { readyTimeoutMs: 60_000 });
const wanted = (values.player ?? PLAYERS) as PlayerName[];
const programs = installedPrograms().filter((program) => wanted.includes(program));
const browser = wanted.includes('hls.js') ? await HlsBrowser.start() : undefined;

async function playAll(kind: HlsKind): Promise<Playback[]> {
  const { create, body } = kind.open(provider, media);
  const { id } = await createStream(server, create, body);
  const url = `${server.url}/hls/${id}/playlist.m3u8`;
  say(`${kind.name}: ${seconds} s`);
  const playing: Promise<Playback>[] = programs.map(async (player) => ({
    ...{ kind: kind.name, ...(await playWith(player, url, seconds)), player },
  }));
  if (browser) playing.push(playInBrowser(browser, kind, url));
  if (wanted.includes('standard')) playing.push(readStrictly(kind, url));
  return Promise.all(playing);
}

async function playInBrowser(
  browser: HlsBrowser,
  { name, lowLatency }: HlsKind,
  url: string,
): Promise<Playback> {
  const player = await browser.play(url, { lowLatency });
  const failed = await player.waitForPlayed(seconds, (seconds + 30) * 1_000).then(
    () => undefined,
    (error: Error) => error.message.slice(0, 200),
  );
  const { playedSeconds, stalls, stalledMs, fatalErrors } = await player.seen();
  await player.close();
  const errors = [...fatalErrors, ...(failed === undefined ? [] : [failed])];
  return { kind: name, player: 'hls.js', playedSeconds, stalls, stalledMs: Math.round(stalledMs), errors };
}

async function readStrictly({ name, lowLatency }: HlsKind, url: string): Promise<Playback> {
  const reader = new HlsReader(url, { record: true, lowLatency, checkRetention: true });
  const failed = await reader.waitForPlayed(seconds, (seconds + 30) * 1_000).then(
    () => undefined,
    (error: Error) => error.message.slice(0, 200),
  );
  const { violations, stalls, stalledMs, lost, missed } = reader.report();
  const playedSeconds = (reader.followers[0]?.clock.playedMs ?? 0) / 1_000;
  await reader.close();
  const errors = [
    ...violations,
    ...(await reader.decodeErrors(directory)),
    ...(lost + missed > 0 ? [`${lost} segments lost, ${missed} missed`] : []),
    ...(failed === undefined ? [] : [failed]),
  ];
  return { kind: name, player: 'standard', playedSeconds, stalls, stalledMs, errors };
}

try {
  const kinds = HLS_KINDS.filter(({ name }) => !values.kind || values.kind.includes(name));
  const results: Playback[] = [];
  const atOnce = Number(values['at-once']);
  for (let from = 0; from < kinds.length; from += atOnce)
    results.push(...(await Promise.all(kinds.slice(from, from + atOnce).map(playAll))).flat());
  const ok = results.every(
    ({ stalls, errors, playedSeconds }) =>
      stalls === 0 && errors.length === 0 && playedSeconds >= seconds - 0.5,
  );
  if (values.json)
    console.log(JSON.stringify({ bench: 'hls-players', ok, options: { seconds, atOnce }, results }));
  else {
    printTable(
      results.map(({ kind, player, playedSeconds, stalls, stalledMs, errors }) => ({
        ...{
          kind,
          player,
          'played s': playedSeconds,
          stalls,
          'stalled ms': stalledMs,
          errors: errors.length,
        },
        'the first': errors[0]?.slice(0, 100) ?? '',
      })),
    );
  }
  process.exitCode = ok ? 0 : 1;
} finally {
  await browser?.close();
  await server.stop();
  await provider.close();
  rmSync(directory, { recursive: true, force: true });
}
