import { api, decodeErrors, ffmpegsOf, makeSample, metric, probePackets, waitFor } from '@streampool/testkit';
import { COPY, useStage } from '../e2e/stage.ts';

const stage = useStage({ env: { SLATE_AFTER: '500ms', STALL_TIMEOUT: '3s', MAX_SOURCE_ATTEMPTS: '2' } });

/** The slate of a stream that has played for a moment is there, unless an FFmpeg still works for it. */
async function slateIsMade(transcodes: number): Promise<void> {
  await waitFor(() => ffmpegsOf(stage.server.pid).length === transcodes);
}

describe.each(['shared', 'transcode'] as const)('%s', (kind) => {
  test('a silent source leaves its viewers with the slate until it is back', async () => {
    const path = `/${kind}/silent.ts`;
    stage.provider.live(path, stage.sample, { start: 'keyframe' });
    const url = stage.provider.url(path);
    const stream = await (kind === 'transcode'
      ? stage.create('transcode', { url, profile: COPY, slate: true })
      : stage.create('streams', { url, shared: true, slate: true }));
    const player = stage.play(stream.url, { record: true });
    await player.waitForMedia(2.2);
    await slateIsMade(kind === 'transcode' ? 1 : 0);
    player.resetGap();
    stage.provider.stall(path);
    await waitFor(() => player.longestGapMs > 450);
    await player.waitForMedia(1);
    // Whoever comes now gets a picture, too.
    const late = stage.play(stream.url, { record: true });
    await late.waitForPicture();
    expect(late.firstPictureMs).toBeLessThan(700);
    stage.provider.stall(path, false);
    await player.waitForMedia(2);
    await late.waitForMedia(0.5);
    expect(player.longestGapMs).toBeLessThan(1_000);
    expect(player.check.notes).toEqual([]);
    expect(late.check.notes).toEqual([]);
    expect(await metric(stage.server, 'streampool_slate_seconds_total')).toBeGreaterThan(0.5);
    for (const viewer of [player, late]) {
      const file = viewer.saveRecording(stage.file(`${kind}-${viewer === late ? 'late' : 'first'}.ts`));
      expect(await decodeErrors(file)).toEqual([]);
      for (const track of ['v:0', 'a:0']) {
        const times = (await probePackets(file, track)).map(({ pts }) => pts).sort((a, b) => a - b);
        const gaps = times.slice(1).map((time, i) => time - times[i]!);
        expect(Math.max(...gaps)).toBeLessThan(1.2);
      }
    }
    await stage.hangUp();
    await waitFor(() => stage.provider.stats(path).current === 0);
  });
});

test('when there is no hope left the slate ends, and with it the response', async () => {
  const path = '/hopeless.ts';
  stage.provider.live(path, stage.sample, { start: 'keyframe' });
  const stream = await stage.create('streams', { url: stage.provider.url(path), shared: true, slate: true });
  const player = stage.play(stream.url, { record: true });
  await player.waitForMedia(2.2);
  await slateIsMade(0);
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
  stage.provider.live(path, await makeSample({ seconds: 4, gopSeconds: 1 }), { start: 'keyframe' });
  stage.provider.fault(path, { kind: 'stall', afterBytes: 0 });
  const stream = await stage.create('streams', { url: stage.provider.url(path), shared: true, slate: true });
  const player = stage.play(stream.url, { check: false });
  expect((await player.waitForHead()).status).toBe(504);
  const { body } = await api(stage.server, 'GET', `/streams/${stream.id}`);
  expect(body).toBeDefined();
});
