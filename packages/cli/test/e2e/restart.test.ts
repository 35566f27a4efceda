import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, createStream, startStreampool } from '@streampool/testkit';
import { COPY, TIMES, useStage } from './stage.ts';

const stage = useStage();

test.each(['SIGTERM', 'SIGKILL'] as const)('definitions survive a restart (%s)', async (signal) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'streampool-restart-'));
  stage.provider.live('/live.ts', stage.sample, { start: 'keyframe' });
  const url = stage.provider.url('/live.ts?token=abc', 'user:secret');
  const first = await startStreampool({ env: TIMES, dataDir });
  try {
    const shared = await createStream(first, 'streams', { url, shared: true, metadata: { channel: 'one' } });
    const transcoded = await createStream(first, 'transcode', { url, profile: COPY });
    await stage.play(shared.url).waitForPicture();
    await (signal === 'SIGKILL' ? first.kill() : first.stop());

    const second = await startStreampool({ env: TIMES, dataDir, port: first.port });
    try {
      const { body } = await api(second, 'GET', '/streams');
      const { streams } = body as {
        streams: { stream_id: string; metadata: object; client_count: number }[];
      };
      expect(streams.map((stream) => stream.stream_id).sort()).toEqual([shared.id, transcoded.id].sort());
      expect(streams.find((stream) => stream.stream_id === shared.id)).toMatchObject({
        metadata: { channel: 'one' },
        client_count: 0,
      });
      await stage.play(shared.url).waitForPicture();
      await stage.play(transcoded.url).waitForPicture();
      // The provider is told the whole URL, credentials included, after the restart as before.
      const seen = stage.provider.stats('/live.ts').requests.at(-1)!;
      expect(seen.url).toBe('/live.ts?token=abc');
      expect(seen.headers.authorization).toBe(`Basic ${Buffer.from('user:secret').toString('base64')}`);
    } finally {
      await second.stop();
    }
  } finally {
    await first.kill();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
