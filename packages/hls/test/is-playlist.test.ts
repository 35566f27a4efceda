import { isPlaylist } from '../src/index.ts';

const M3U8 = 'http://h.example/a.m3u8?x=1#y';
const TS = 'http://h.example/a.ts';

test.each([
  ['#EXTM3U\n#EXT-X-VERSION:3', 'application/vnd.apple.mpegurl', M3U8, true],
  ['#EXTM3U\r\n', 'text/plain', TS, true],
  ['#EXTM3U', undefined, TS, true],
  ['\ufeff#EXTM3U\n', 'application/octet-stream', TS, true],
  ['\n \n#EXTM3U tvg-shift=1\n', 'video/mp2t', TS, true],
  ['#EXT-X-TARGETDURATION:4\n', 'text/plain', M3U8, true],
  ['#EXTINF:4,\n', 'Audio/X-MpegURL; charset=utf-8', TS, true],
  ['#EXTINF:4,\n', 'text/plain', TS, false],
  ['#EXTM3U\0\n#EXTINF:2,', 'video/mp2t', TS, true],
  ['#EXTM3UNICORN', 'application/vnd.apple.mpegurl', M3U8, false],
  ['<html>#EXTM3U', 'application/vnd.apple.mpegurl', M3U8, false],
  ['G\u0040\u0000\u0010', 'application/vnd.apple.mpegurl', M3U8, false],
  ['', 'application/vnd.apple.mpegurl', M3U8, false],
])('%j as %s from %s: %s', (body, type, url, expected) => {
  expect(isPlaylist(type, Buffer.from(body), url)).toBe(expected);
});
