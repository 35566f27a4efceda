import { decodeErrors, ffmpegsOf, metric, probePackets, waitFor } from '@streampool/testkit';
import { COPY, useStage } from '../e2e/stage.ts';

// A source that is silent is not given up while these tests look at what is shown meanwhile.
const stage = useStage({
  env: { SLATE_AFTER: '500ms', STALL_TIMEOUT: '20s', STREAM_TIMEOUT: '5', MAX_SOURCE_ATTEMPTS: '2' },
});

/** The slate of a stream that has played for a moment is there, unless an FFmpeg still works for it. */
async function slateIsMade(transcodes: number): Promise<void> {
  await waitFor(() => ffmpegsOf(stage.server.pid).length === transcodes);
}

/** A stream of that kind with a slate, whose viewer has seen enough for it to be made. */
async function playing(kind: 'shared' | 'transcode', path: string) {
  stage.provider.live(path, stage.sample, { start: 'keyframe' });
  const url = stage.provider.url(path);
  const stream = await (kind === 'transcode'
    ? stage.create('transcode', { url, profile: COPY, slate: true })
    : stage.create('streams', { url, shared: true, slate: true }));
  const player = stage.play(stream.url, { record: true });
  await player.waitForMedia(2.2);
  await slateIsMade(kind === 'transcode' ? 1 : 0);
  player.resetGap();
  return { stream, player };
}

/** The longest time without a packet of picture, and of sound, in a file. */
async function longestGaps(file: string): Promise<number[]> {
  return Promise.all(
    ['v:0', 'a:0'].map(async (track) => {
      const times = (await probePackets(file, track)).map(({ pts }) => pts).sort((a, b) => a - b);
      return Math.max(...times.slice(1).map((time, i) => time - times[i]!));
    }),
  );
}

test.each(['shared', 'transcode'] as const)(
  '%s: a silent source leaves its viewers with the slate until it is back',
  async (kind) => {
    const path = `/${kind}/silent.ts`;
    const { stream, player } = await playing(kind, path);
    const shown = () => metric(stage.server, 'streampool_slate_seconds_total');
    const before = Number(await shown());
    stage.provider.stall(path);
    const sent = stage.provider.stats(path).bytes;
    await waitFor(async () => Number(await shown()) > before, { what: 'the slate' });
    await player.waitForMedia(1.2);
    // Whoever comes now gets a picture, too.
    const late = stage.play(stream.url, { record: true });
    await late.waitForPicture();
    // All of that was the slate: the source sends nothing, and was not asked again.
    expect(stage.provider.stats(path)).toMatchObject({ bytes: sent, total: 1 });
    stage.provider.stall(path, false);
    await player.waitForMedia(1.5);
    expect([...player.check.notes, ...late.check.notes]).toEqual([]);
    // Most of the 1.2 s that were waited for: what the source had sent before was still to come.
    expect(Number(await shown()) - before).toBeGreaterThan(0.5);
    const files = [player, late].map((viewer, i) => viewer.saveRecording(stage.file(`${kind}-${i}.ts`)));
    const stoodMs = player.longestGapMs;
    await stage.hangUp();
    expect(await Promise.all(files.map((file) => decodeErrors(file)))).toEqual([[], []]);
    // What was shown stood still for as long as nothing came, and not longer.
    for (const gap of await longestGaps(files[0]!)) expect(gap).toBeLessThan(stoodMs / 1_000 + 2);
  },
);

test('when there is no hope left the slate ends, and with it the response', async () => {
  const path = '/hopeless.ts';
  const { stream, player } = await playing('shared', path);
  stage.provider.fault(path, { kind: 'status', status: 503 });
  stage.provider.cut(path);
  expect(await player.ended).toBe('fin');
  expect(player.check.notes).toEqual([]);
  expect(await decodeErrors(player.saveRecording(stage.file('hopeless.ts')))).toEqual([]);
  const again = stage.play(stream.url);
  expect((await again.waitForHead()).status).toBe(502);
});

test('the first picture is waited for without one: the answer is the truth', async () => {
  const path = '/never.ts';
  stage.provider.live(path, stage.sample, { start: 'keyframe' });
  stage.provider.fault(path, { kind: 'stall', afterBytes: 0 });
  const stream = await stage.create('streams', { url: stage.provider.url(path), shared: true, slate: true });
  const player = stage.play(stream.url, { check: false });
  expect((await player.waitForHead()).status).toBe(504);
});
