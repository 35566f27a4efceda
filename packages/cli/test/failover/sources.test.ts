import { api, decodeErrors, makeSample, type Player, probePackets, waitFor } from '@streampool/testkit';
import { COPY, useStage } from '../e2e/stage.ts';

const STALL_MS = 4_000;
const stage = useStage({ env: { STALL_TIMEOUT: `${STALL_MS}ms` } });

/** The program clock of a viewer's stream against the wall clock, in ms, with each of its values. */
function watchClock(player: Player): { atMs: number; offset: number }[] {
  const offsets: { atMs: number; offset: number }[] = [];
  player.check.onPcr = (base) => {
    const atMs = performance.now();
    offsets.push({ atMs, offset: base / 90 - atMs });
  };
  return offsets;
}

/** The median of what was seen last, about a second of it, so that a single late delivery is no drift. */
function median(offsets: readonly { offset: number }[]): number {
  const last = offsets.slice(-25).map(({ offset }) => offset);
  return last.sort((a, b) => a - b)[last.length >> 1]!;
}

/** Those of one track that have nothing of the other within a second. */
function alone<T extends { readonly dts: number }>(some: readonly T[], others: readonly T[]): T[] {
  return some.filter(({ dts }) => others.every((other) => Math.abs(other.dts - dts) > 1));
}

interface Case {
  readonly what: string;
  readonly kind: 'shared' | 'transcode';
  readonly codec: 'h264' | 'hevc';
  /** The source falls silent before it is lost. */
  readonly silent?: true;
  /** The source that plays afterwards. */
  readonly index: number;
  readonly harm: (path: string, streamId: string) => Promise<void> | void;
}

const cut = (path: string): void => {
  stage.provider.cut(path);
};
const CASES: Case[] = [
  { what: 'is cut', kind: 'shared', codec: 'h264', index: 0, harm: cut },
  { what: 'is cut', kind: 'shared', codec: 'hevc', index: 0, harm: cut },
  {
    what: 'falls silent',
    kind: 'shared',
    codec: 'h264',
    silent: true,
    index: 1,
    harm: (path) => stage.provider.stall(path),
  },
  {
    ...{ what: 'becomes a web page', kind: 'transcode', codec: 'h264', index: 1 },
    harm: (path) => {
      stage.provider.fault(path, { kind: 'html' });
      stage.provider.cut(path);
    },
  },
  {
    ...{ what: 'is changed by hand', kind: 'shared', codec: 'h264', index: 1 },
    harm: async (_path, id) => {
      const { status, body } = await api(stage.server, 'POST', `/streams/${id}/failover`);
      expect(status).toBe(200);
      expect(body).toMatchObject({
        ...{ failover_index: 1, failover_attempts: 1, active_clients: 4 },
        new_url: expect.stringContaining('/spare.ts'),
      });
    },
  },
];

test.each(CASES)('a $kind $codec source that $what: players go on', async (plan) => {
  const { kind, codec, silent = false, index, harm, what } = plan;
  const sample =
    codec === 'h264'
      ? stage.sample
      : await makeSample({ codec, seconds: 4, gopSeconds: 1, videoKbps: 1_000 });
  const directory = `/${kind}-${codec}-${what.replaceAll(' ', '-')}`;
  // Both begin anew with each connection, on timelines of their own.
  const paths = [`${directory}/primary.ts`, `${directory}/spare.ts`];
  for (const path of paths) stage.provider.live(path, sample, { start: 'fresh' });
  const [url, spare] = paths.map((path) => stage.provider.url(path));
  const stream = await (kind === 'transcode'
    ? stage.create('transcode', { url, failover_urls: [spare], profile: COPY })
    : stage.create('streams', { url, failover_urls: [spare], shared: true }));
  const players = Array.from({ length: 4 }, () => stage.play(stream.url, { record: true }));
  const [first] = players;
  const clock = watchClock(first!);
  await Promise.all(players.map((player) => player.waitForMedia(1.5)));
  for (const player of players) player.resetGap();
  const harmedAt = performance.now();
  const total = (): number => paths.reduce((sum, path) => sum + stage.provider.stats(path).total, 0);
  const before = total();
  await harm(paths[0]!, stream.id);
  await waitFor(() => total() > before && stage.provider.stats(paths[index]!).current === 1);
  await Promise.all(players.map((player) => player.waitForMedia(2)));

  expect(players.map(({ end }) => end).filter(Boolean)).toEqual([]);
  expect(players.flatMap(({ check }) => check.notes)).toEqual([]);
  // Whatever a busy machine adds: only for silence the timeout of silence is waited for.
  const gapMs = Math.max(...players.map(({ longestGapMs }) => longestGapMs));
  if (silent) expect(gapMs).toBeGreaterThan(STALL_MS - 200);
  else expect(gapMs).toBeLessThan(STALL_MS);
  await waitFor(async () => {
    const { body } = await api(stage.server, 'GET', `/streams/${stream.id}`);
    const { state, current_failover_index } = (body as { stream: Record<string, unknown> }).stream;
    return state === 'live' && current_failover_index === index;
  });
  const connections = paths.map((path) => stage.provider.stats(path).current);
  expect(connections).toEqual(index === 0 ? [1, 0] : [0, 1]);

  const early = median(clock.filter(({ atMs }) => atMs < harmedAt));
  const late = median(clock);
  expect(Math.abs(late - early)).toBeLessThan(1_000);
  const file = first!.saveRecording(stage.file(`${directory.slice(1)}.ts`));
  const [errors, pictures, sounds] = await Promise.all([
    decodeErrors(file),
    probePackets(file, 'v:0'),
    probePackets(file, 'a:0'),
  ]);
  expect(errors).toEqual([]);
  // Of the last second there may be pictures whose sound has not come yet.
  expect(alone(pictures.slice(0, -25), sounds)).toEqual([]);
  expect(alone(sounds, pictures)).toEqual([]);
});
