import { setImmediate as nextTurn } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { PlaylistRewriter } from '../src/playlist/rewriter.ts';
import { Addresses } from '../src/token/addresses.ts';

const BASE = 'http://provider.example/live/index.m3u8';

function setup() {
  const addresses = new Addresses('a secret of the tests, long enough', 'stream');
  const sealed = jest.spyOn(addresses, 'bodyPath');
  const rewriter = new PlaylistRewriter(addresses);
  const context = { path: 'playlist.m3u8', source: 0 };
  const rewrite = (names: readonly string[], { path = context.path, baseUrl = BASE } = {}): string =>
    rewriter.rewrite(loadedOf(names, baseUrl), { ...context, path }).text;
  const prepare = (names: readonly string[], signal = new AbortController().signal): Promise<void> =>
    rewriter.prepare(loadedOf(names), context, signal);
  return { rewriter, sealed, rewrite, prepare };
}

function loadedOf(names: readonly string[], baseUrl = BASE) {
  const text = ['#EXTM3U', ...names.flatMap((name) => ['#EXTINF:2,', name]), ''].join('\n');
  return { text, baseUrl, isMultivariant: false, freshUntilMs: 0, reloadMs: 2_000 };
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

test('a playlist that names nothing is not remembered, however many of them there are', () => {
  const { rewriter, rewrite } = setup();
  for (const name of ['a', 'b', 'c']) rewrite([], { path: `variant/${name}.m3u8` });
  expect(rewriter.remembered).toBe(0);
  rewrite(['1.ts'], { path: 'variant/a.m3u8' });
  expect(rewriter.remembered).toBe(1);
  rewrite([], { path: 'variant/a.m3u8' });
  expect(rewriter.remembered).toBe(0);
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

describe('a long playlist', () => {
  const film = window(0, 5_000);

  test('is sealed a little at a time, and only once', async () => {
    const { sealed, rewrite, prepare } = setup();
    let most = 0;
    const done = prepare(film);
    for (let before = 0, over = false; !over; before = sealed.mock.calls.length) {
      over = await Promise.race([done.then(() => true), nextTurn(false)]);
      most = Math.max(most, sealed.mock.calls.length - before);
    }
    expect(most).toBeLessThan(1_000);
    expect(sealed).toHaveBeenCalledTimes(film.length);
    const text = rewrite(film);
    expect(sealed).toHaveBeenCalledTimes(film.length);
    expect(text).toBe(setup().rewrite(film));
  });

  test('is given up with its source', async () => {
    const { sealed, prepare } = setup();
    const abort = new AbortController();
    const done = prepare(film, abort.signal);
    abort.abort(new Error('the source was left'));
    await expect(done).rejects.toThrow('the source was left');
    expect(sealed.mock.calls.length).toBeLessThan(1_000);
  });

  test('of more addresses than a programme has is refused before anything is sealed', async () => {
    const { sealed, prepare } = setup();
    await expect(prepare(window(0, 50_001))).rejects.toMatchObject({ code: 'UPSTREAM_NOT_MEDIA' });
    expect(sealed).not.toHaveBeenCalled();
  });
});
