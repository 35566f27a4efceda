import { jest } from '@jest/globals';
import { PlaylistRewriter } from '../src/playlist/rewriter.ts';
import { Addresses } from '../src/token/addresses.ts';

const BASE = 'http://provider.example/live/index.m3u8';

function setup() {
  const addresses = new Addresses('a secret of the tests, long enough', 'stream');
  const sealed = jest.spyOn(addresses, 'bodyPath');
  const rewriter = new PlaylistRewriter(addresses);
  const rewrite = (names: readonly string[], { path = 'playlist.m3u8', baseUrl = BASE } = {}): string => {
    const text = ['#EXTM3U', ...names.flatMap((name) => ['#EXTINF:2,', name]), ''].join('\n');
    const loaded = { text, baseUrl, isMultivariant: false, freshUntilMs: 0, reloadMs: 2_000 };
    return rewriter.rewrite(loaded, { path, source: 0 }).text;
  };
  return { sealed, rewrite };
}

const window = (from: number, length: number): string[] =>
  Array.from({ length }, (_, index) => `${from + index}.ts`);

test('of a window of hours only what is new is sealed at each reload', () => {
  const { sealed, rewrite } = setup();
  rewrite(window(0, 3_000));
  expect(sealed).toHaveBeenCalledTimes(3_000);
  rewrite(window(1, 3_000));
  expect(sealed).toHaveBeenCalledTimes(3_001);
});

test('another playlist does not make it forgotten', () => {
  const { sealed, rewrite } = setup();
  const first = rewrite(window(0, 3));
  rewrite(window(10, 3), { path: 'variant/x.m3u8' });
  sealed.mockClear();
  expect(rewrite(window(0, 3))).toBe(first);
  expect(sealed).not.toHaveBeenCalled();
});

test('the same URL named by another host is another address', () => {
  const { rewrite } = setup();
  const names = ['http://provider.example/a.ts'];
  expect(rewrite(names, { baseUrl: 'http://other.example/index.m3u8' })).not.toBe(rewrite(names));
});

test('what no playlist names any more is forgotten', () => {
  const { sealed, rewrite } = setup();
  rewrite(window(0, 3));
  rewrite(window(100, 3));
  sealed.mockClear();
  rewrite(window(0, 3));
  expect(sealed).toHaveBeenCalledTimes(3);
});
