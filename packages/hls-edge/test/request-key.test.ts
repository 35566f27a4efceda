import { isBelow, playlistKey, requestKey, requestOf } from '../src/request-key.ts';

test.each([
  '../streams/x/definition',
  'segment/../../clients/x',
  '%2e%2e/x',
  'a/.%2E/b',
  './playlist.m3u8',
  '..',
  'a\\..\\b',
  'a b',
  'a\nb',
  'ä',
  '%zz',
  'a?b',
  '',
])('%j leads out of the stream’s folder, or is no path', (path) => {
  expect(isBelow(path)).toBe(false);
});

test.each([
  'playlist.m3u8',
  'segment/17.ts',
  'variant/0/playlist.m3u8',
  'segment/a..b',
  '...',
  'a%20b/c;d=1',
])('%j is below it, and stays the same in a URL', (path) => {
  expect(isBelow(path)).toBe(true);
  expect(new URL(`http://owner/internal/hls/id/${path}`).pathname).toBe(`/internal/hls/id/${path}`);
});

test('a playlist is the same whatever state of it is asked for, but not the same request', () => {
  const ask = (query: string) => ({ path: 'playlist.m3u8', query: new URLSearchParams(query) });
  const [one, other] = [ask('ll=1&_HLS_msn=5&_HLS_part=1'), ask('ll=1')];
  expect(playlistKey(one)).toBe(playlistKey(other));
  expect(requestKey(one)).not.toBe(requestKey(other));
  expect(requestKey({ ...other, range: 'bytes=0-1' })).not.toBe(requestKey(other));
});

test('what a playlist names is asked for where it is', () => {
  const at = (uri: string, path: string) => {
    const request = requestOf(uri, { path });
    return request && requestKey(request);
  };
  expect(at('segment/1.ts?a=b', 'playlist.m3u8')).toBe('segment/1.ts?a=b');
  expect(at('../segment/1.ts', 'variant/x.m3u8')).toBe('segment/1.ts?');
  expect(at('../../other', 'playlist.m3u8')).toBeUndefined();
  expect(at('http://elsewhere/x', 'playlist.m3u8')).toBeUndefined();
});
