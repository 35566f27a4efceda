import { StreampoolError } from '@streampool/errors';
import { PlaylistLoader } from '../src/source/playlist-loader.ts';
import type { ProviderConnection } from '../src/source/provider-connection.ts';
import { ManualClock } from './manual-clock.ts';

const LIVE = '#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:6,\n1.ts\n';
const LIST = 'http://provider.example/live.m3u8';

test('what did not come in time over a kept connection is asked for over a new one, in the time that is left', async () => {
  const clock = new ManualClock();
  const asked: { fresh: boolean | undefined; firstByteMs: number | undefined }[] = [];
  let late = 0;
  const connection: Pick<ProviderConnection, 'firstByteMs' | 'fetch'> = {
    firstByteMs: 9_000,
    fetch: async ({ url, fresh }, _signal, { firstByteMs } = {}) => {
      asked.push({ fresh, firstByteMs });
      if (late-- > 0) throw new StreampoolError('UPSTREAM_TIMEOUT', 'nothing has come');
      const body = (async function* () {
        yield Buffer.from(LIVE);
      })();
      return { status: 200, headers: {}, url, contentLength: LIVE.length, body, close: () => {} };
    },
  };
  const loader = new PlaylistLoader({
    connection: connection as ProviderConnection,
    clock,
    onOutcome: () => {},
  });
  const { signal } = new AbortController();
  await loader.load({ url: LIST }, signal);
  clock.advance(6_000);
  late = 1;
  await loader.load({ url: LIST }, signal);
  expect(asked).toEqual([
    { fresh: false, firstByteMs: 9_000 },
    { fresh: false, firstByteMs: 6_000 },
    { fresh: true, firstByteMs: 3_000 },
  ]);
});
