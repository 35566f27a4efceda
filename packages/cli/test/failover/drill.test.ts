import { api, type CreatedStream, decodeErrors, Player, waitFor } from '@streampool/testkit';
import { drillCommand } from '../../src/commands/drill.ts';
import { COPY, useStage } from '../e2e/stage.ts';

const STALL_MS = 2_500;
const stage = useStage({ env: { STALL_TIMEOUT: `${STALL_MS}ms`, SLATE_AFTER: '300ms' } });

/** What was told of a gap against what a viewer saw: each of the two may have been held up by a busy machine. */
const LATE_MS = 2_000;

/** Of tests that run side by side: each of them ends when all have ended. */
const players: Player[] = [];
afterAll(() => Promise.all(players.map((player) => player.close())));

/** A stream of that kind with a source to go on with, and a viewer who has seen a second of it. */
async function playing(kind: 'shared' | 'transcode', name: string) {
  const paths = [`/${kind}-${name}.ts`, `/${kind}-${name}-backup.ts`] as const;
  for (const path of paths) stage.provider.live(path, stage.sample, { start: 'keyframe' });
  const [url, backup] = paths.map((path) => stage.provider.url(path));
  const body = { url, failover_urls: [backup] };
  const stream = await (kind === 'transcode'
    ? stage.create('transcode', { ...body, profile: COPY })
    : stage.create('streams', { ...body, shared: true }));
  const player = new Player(stream.url, { record: true });
  players.push(player);
  await player.waitForMedia(1);
  return { stream, player, paths };
}

const drill = (stream: CreatedStream, body: object) =>
  api(stage.server, 'POST', `/streams/${stream.id}/drill`, body);

test.concurrent.each([
  ['shared', 'cut', 3, 'UPSTREAM_CUT'],
  ['shared', 'stall', 4, 'UPSTREAM_TIMEOUT'],
  ['transcode', 'error', 3, 'UPSTREAM_STATUS'],
] as const)(
  '%s, %s: viewers go on with another source, and it is told what they lost',
  async (kind, fault, seconds, code) => {
    const { stream, player, paths } = await playing(kind, fault);
    player.resetGap();
    const asked = drill(stream, { fault, seconds });
    await waitFor(() => stage.provider.stats(paths[1]).current === 1);
    // Closed like any that failed, and not asked again while it lasts.
    await waitFor(() => stage.provider.stats(paths[0]).current === 0);
    const answer = await asked;
    expect(answer.status).toBe(200);
    const { gap_ms } = answer.body as { gap_ms: { max: number } };
    expect(answer.body).toMatchObject({
      ...{ fault, seconds, switched: true, failover_index: 1, viewers: 1, dropped: 0, told: false },
      gap_ms: { p50: gap_ms.max, p99: gap_ms.max },
    });
    // Only silence is waited out: what was sent just before it may have come late.
    if (fault === 'stall') expect(gap_ms.max).toBeGreaterThan(STALL_MS / 2);
    const { body } = await api(stage.server, 'GET', `/streams/${stream.id}/timeline`);
    const { entries } = body as { entries: { type: string }[] };
    expect(entries.find(({ type }) => type === 'source_lost')).toMatchObject({ data: { code, index: 0 } });
    expect(entries).toContainEqual(
      expect.objectContaining({
        type: 'failover_triggered',
        data: expect.objectContaining({ reason: code, from_index: 0, failover_index: 1 }),
      }),
    );
    // As the viewer has seen it.
    expect(Math.abs(gap_ms.max - player.longestGapMs)).toBeLessThan(LATE_MS);
    expect(stage.provider.stats(paths[0])).toMatchObject({ max: 1, total: 1 });
    await player.waitForMedia(0.5);
    expect(player.check.notes).toEqual([]);
    expect(await decodeErrors(player.saveRecording(stage.file(`${kind}-${fault}.ts`)))).toEqual([]);
  },
);

test('black: the detectors are told; the command prints what it cost', async () => {
  const { stream } = await playing('shared', 'black');
  let printed = '';
  const output = {
    on: () => {},
    write: (text: string) => {
      printed += text;
    },
  };
  const { signal } = new AbortController();
  const options = { url: stage.server.url, seconds: '1' };
  await drillCommand(stream.id, 'black', options, { output, signal });
  expect(printed).toMatch(/^black for 1 s: Source 1 took over\.\n1 viewers .*\nNone was dropped\.\n$/);
  printed = '';
  // From the other one to the first.
  await drillCommand(stream.id, 'cut', { ...options, json: true }, { output, signal });
  expect(JSON.parse(printed)).toMatchObject({ switched: true, failover_index: 0, dropped: 0 });
  await expect(drillCommand(stream.id, 'flood', options, { output, signal })).rejects.toMatchObject({
    code: 'VALIDATION_FAILED',
  });
  const { body } = await api(stage.server, 'GET', `/streams/${stream.id}/timeline`);
  expect(JSON.stringify(body)).toMatch(/drill_started.*drill_ended/);
});

test('without another source the slate is shown, and the source taken up again when the drill is over', async () => {
  stage.provider.live('/alone.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url('/alone.ts');
  const stream = await stage.create('streams', { url, shared: true, slate: true });
  const player = stage.play(stream.url, { record: true });
  await player.waitForMedia(2.5);
  const { body } = await drill(stream, { fault: 'cut', seconds: 3 });
  expect(body).toMatchObject({ switched: true, failover_index: 0, dropped: 0 });
  const { slate_ms, gap_ms } = body as { slate_ms: number; gap_ms: { max: number } };
  expect(slate_ms).toBeGreaterThan(600);
  // Viewers were without anything for less than the drill lasted.
  expect(gap_ms.max).toBeLessThan(3_000);
  expect(stage.provider.stats('/alone.ts')).toMatchObject({ max: 1, total: 2 });
  expect(await decodeErrors(player.saveRecording(stage.file('alone.ts')))).toEqual([]);
  await stage.hangUp();
});

test('direct viewers go on each by itself', async () => {
  for (const path of ['/direct.ts', '/direct-2.ts'])
    stage.provider.live(path, stage.sample, { start: 'keyframe' });
  const [url, backup] = ['/direct.ts', '/direct-2.ts'].map((path) => stage.provider.url(path));
  const stream = await stage.create('streams', { url, failover_urls: [backup] });
  const pair = [1, 2].map(() => stage.play(stream.url));
  await Promise.all(pair.map((player) => player.waitForMedia(1)));
  for (const player of pair) player.resetGap();
  const { body } = await drill(stream, { fault: 'stall', seconds: 4 });
  expect(body).toMatchObject({ switched: true, failover_index: 1, viewers: 2, dropped: 0 });
  const { gap_ms } = body as { gap_ms: { max: number } };
  const seen = Math.max(...pair.map((player) => player.longestGapMs));
  expect(gap_ms.max).toBeGreaterThan(STALL_MS / 2);
  expect(Math.abs(gap_ms.max - seen)).toBeLessThan(LATE_MS);
  expect(stage.provider.stats('/direct.ts')).toMatchObject({ current: 0, total: 2 });
  expect(pair.flatMap((player) => player.check.notes)).toEqual([]);
  const refused = await drill(stream, { fault: 'black', seconds: 1 });
  expect([refused.status, refused.body]).toMatchObject([409, { code: 'DRILL_NOT_POSSIBLE' }]);
  await stage.hangUp();
});

test('where it cannot be done that is said', async () => {
  const idle = await stage.create('streams', { url: stage.provider.url('/idle.ts'), shared: true });
  const refused = async (stream: CreatedStream) => {
    const { status, body } = await drill(stream, { fault: 'cut', seconds: 1 });
    return [status, (body as { code: string }).code];
  };
  expect(await refused(idle)).toEqual([409, 'STREAM_NOT_PLAYING']);
  const { stream } = await playing('shared', 'twice');
  const first = drill(stream, { fault: 'cut', seconds: 1 });
  await waitFor(() => stage.provider.stats('/shared-twice-backup.ts').current === 1);
  expect(await refused(stream)).toEqual([409, 'DRILL_RUNNING']);
  expect((await first).status).toBe(200);
});
