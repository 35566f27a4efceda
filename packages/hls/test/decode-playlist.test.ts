import { decodePlaylist } from '../src/index.ts';

test('UTF-8 is read as what it is, also behind a byte order mark', () => {
  const text = '\ufeff#EXTM3U\n#EXTINF:2,Fußball 日本\né.ts\n';
  expect(decodePlaylist(Buffer.from(text))).toBe(text);
});

test('what is no UTF-8 is Latin-1: names stay readable, addresses keep their bytes', () => {
  const text =
    '#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="schlüssel?é",X="é"\r\n#EXTINF:2,Fußball\r\n é b.ts?n=%fc\r\n';
  expect(decodePlaylist(Buffer.from(text, 'latin1'))).toBe(
    '#EXTM3U\r\n#EXT-X-KEY:METHOD=AES-128,URI="schl%FCssel?%E9",X="é"\r\n#EXTINF:2,Fußball\r\n %E9 b.ts?n=%fc\r\n',
  );
});
