import { FakeProvider, makeSample, TsCheck, waitFor } from '@streampool/testkit';
import { commandLine, FfmpegProcess, resolveTranscode } from '../../src/index.ts';

/** Measured 0.4 s on an idle machine (FFmpeg's own defaults: 5.4 s); a busy one gets some room. */
const LIMIT_MS = 2_000;

test.each(['default', 'lowlatency', '720p', 'audio'])(
  '%s shows something soon after a live source has sent its first keyframe',
  async (profile) => {
    const provider = await FakeProvider.start();
    const sample = await makeSample({ seconds: 6, gopSeconds: 2, audio: [{}, { codec: 'mp2' }] });
    // Each connection begins with a keyframe, and goes on in real time from there.
    provider.live('/live', sample, { start: 'fresh' });
    const check = new TsCheck();
    let error: Error | undefined;
    const ffmpeg = new FfmpegProcess(
      {
        ffmpegPath: 'ffmpeg',
        args: commandLine(resolveTranscode({ profile }).args, provider.url('/live'), 'mpegts'),
        stallTimeoutMs: 10_000,
        startTimeoutMs: 10_000,
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
        timeoutMs: 8_000,
        everyMs: 5,
        what: 'the first picture',
      });
      expect(error).toBeUndefined();
      expect(performance.now() - start).toBeLessThan(LIMIT_MS);
      expect(check.firstPicture?.undecodable).toBe(0);
    } finally {
      await ffmpeg.stop();
      await provider.close();
    }
  },
);
