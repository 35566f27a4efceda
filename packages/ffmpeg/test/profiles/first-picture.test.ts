import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeProvider, makeSample, TsCheck, waitFor } from '@streampool/testkit';
import { commandLine, FfmpegProcess, resolveTranscode } from '../../src/index.ts';
import { announceSubtitles } from './announce-subtitles.ts';

/** Of a programme: FFmpeg's own defaults look at 5 s of it before there is a picture. */
const SECONDS_SENT = 3;

/** Joins a live channel that begins with a keyframe, goes on in real time, and falls silent soon. Resolves with the first picture. */
async function expectFirstPicture(profile: string, sample: { path: string; seconds: number }): Promise<void> {
  const provider = await FakeProvider.start();
  provider.live('/live', sample, { start: 'fresh' });
  const afterBytes = Math.floor((statSync(sample.path).size * SECONDS_SENT) / sample.seconds);
  provider.fault('/live', { kind: 'stall', afterBytes });
  const check = new TsCheck();
  let error: Error | undefined;
  const ffmpeg = new FfmpegProcess(
    {
      ffmpegPath: 'ffmpeg',
      args: commandLine(resolveTranscode({ profile }).args, provider.url('/live'), 'mpegts'),
      stallTimeoutMs: 60_000,
      startTimeoutMs: 60_000,
      stopGraceMs: 500,
    },
    {
      data: (chunk) => check.push(chunk),
      progress: () => {},
      exit: (reason) => {
        error = reason;
      },
    },
  );
  ffmpeg.start();
  try {
    await waitFor(() => error ?? check.firstPicture, { what: 'the first picture' });
    expect(error).toBeUndefined();
    expect(check.firstPicture?.undecodable).toBe(0);
  } finally {
    await ffmpeg.stop();
    await provider.close();
  }
}

test.each(['default', 'lowlatency', 'audio', '-c copy'])(
  '%s shows something soon after a live source has sent its first keyframe',
  async (profile) => {
    const sample = await makeSample({ seconds: 6, gopSeconds: 2, audio: [{}, { codec: 'mp2' }] });
    await expectFirstPicture(profile, sample);
  },
);

test('subtitles that are announced and silent hold nothing up', async () => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  const path = join(tmpdir(), `silent-subtitles-${process.pid}.ts`);
  writeFileSync(path, announceSubtitles(readFileSync(sample.path)));
  try {
    await expectFirstPicture('default', { path, seconds: 6 });
  } finally {
    rmSync(path, { force: true });
  }
});
