import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeProvider, makeSample, TsCheck, waitFor } from '@streampool/testkit';
import { commandLine, FfmpegProcess, resolveTranscode } from '../../src/index.ts';
import { announceSubtitles } from './announce-subtitles.ts';

/** Measured 0.4 s on an idle machine (FFmpeg's own defaults: 5.4 s); a busy one gets some room. */
const LIMIT_MS = 2_000;

/** Joins a live channel that begins with a keyframe and goes on in real time. @returns ms to the first picture */
async function firstPictureMs(profile: string, sample: { path: string; seconds: number }): Promise<number> {
  const provider = await FakeProvider.start();
  provider.live('/live', sample, { start: 'fresh' });
  const check = new TsCheck();
  let error: Error | undefined;
  const ffmpeg = new FfmpegProcess(
    {
      ffmpegPath: 'ffmpeg',
      args: commandLine(resolveTranscode({ profile }).args, provider.url('/live'), 'mpegts'),
      stallTimeoutMs: 20_000,
      startTimeoutMs: 20_000,
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
  const start = performance.now();
  ffmpeg.start();
  try {
    await waitFor(() => error ?? check.firstPicture, {
      timeoutMs: 15_000,
      everyMs: 5,
      what: 'the first picture',
    });
    expect(error).toBeUndefined();
    expect(check.firstPicture?.undecodable).toBe(0);
    return performance.now() - start;
  } finally {
    await ffmpeg.stop();
    await provider.close();
  }
}

test.each(['default', 'lowlatency', 'audio', '-c copy'])(
  '%s shows something soon after a live source has sent its first keyframe',
  async (profile) => {
    const sample = await makeSample({ seconds: 6, gopSeconds: 2, audio: [{}, { codec: 'mp2' }] });
    expect(await firstPictureMs(profile, sample)).toBeLessThan(LIMIT_MS);
  },
);

test('subtitles that are announced and silent hold nothing up', async () => {
  const sample = await makeSample({ seconds: 6, gopSeconds: 2 });
  const path = join(tmpdir(), `silent-subtitles-${process.pid}.ts`);
  writeFileSync(path, announceSubtitles(readFileSync(sample.path)));
  try {
    expect(await firstPictureMs('default', { path, seconds: 6 })).toBeLessThan(LIMIT_MS);
  } finally {
    rmSync(path, { force: true });
  }
});
