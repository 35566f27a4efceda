import type { HlsAnswer } from '@streampool/hls';
import { NETWORK_NAMES, networkPlace, withMereNames } from '../../src/hls/network-names.ts';

const ENTRY = 'playlist.m3u8';
const shape = new RegExp(`^(?:${NETWORK_NAMES})$`);

test.each([
  ['live.m3u8', ENTRY],
  ['segment/live.m3u8', ENTRY],
  ['live000012.ts', 'segment/live000012.ts'],
  ['segment/live000012.ts', 'segment/live000012.ts'],
  ['segment/status.json', 'segment/status.json'],
])('%s of a network is %s', (path, place) => {
  expect(path).toMatch(shape);
  expect(networkPlace(path, ENTRY)).toBe(place);
});

test.each(['status.json', 'live', 'start', 'live1.ts/x'])('%s is nothing that players get', (path) => {
  expect(path).not.toMatch(shape);
});

test('segments are listed by their mere names; the rest of the playlist stays', () => {
  const text =
    '#EXTM3U\n#EXTINF:6.000,\nsegment/live000007.ts\n#EXT-X-X:segment/live000007.ts\nsegment/other.ts\n';
  const playlist = { kind: 'playlist', body: Buffer.from(text) } as unknown as HlsAnswer;
  expect(String(withMereNames(playlist).body)).toBe(text.replace('\nsegment/live0', '\nlive0'));
  const media = { kind: 'media', body: Buffer.from('segment/live000007.ts') } as unknown as HlsAnswer;
  expect(withMereNames(media)).toBe(media);
});
