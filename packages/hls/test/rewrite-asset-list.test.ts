import { rewriteAssetList } from '../src/index.ts';

const baseUrl = 'https://ads.example/breaks/7/list.json?session=1';
const rewrite = (text: string): unknown =>
  JSON.parse(rewriteAssetList(text, { baseUrl, rewriteUri: (url, role) => `<${role} ${url}>` }));

test('the addresses of a list of assets are rewritten, from where the list came; all else stays', () => {
  const list = {
    'SKIP-CONTROL': { OFFSET: 2.5, DURATION: 10 },
    'X-TRACKING': ['https://stays.example/t'],
    ASSETS: [
      { URI: 'a/index.m3u8?x=a%2Fb', DURATION: 12.5, 'X-ID': { deep: [1, null] } },
      { DURATION: 3, URI: '//other.example/b.m3u8' },
      { URI: ' https://ads.example/c.m3u8 ' },
    ],
  };
  const found = rewrite(`\ufeff${JSON.stringify(list)}`);
  expect(found).toEqual({
    ...list,
    ASSETS: [
      { ...list.ASSETS[0], URI: '<asset https://ads.example/breaks/7/a/index.m3u8?x=a%2Fb>' },
      { DURATION: 3, URI: '<asset https://other.example/b.m3u8>' },
      { URI: '<asset https://ads.example/c.m3u8>' },
    ],
  });
  expect(rewrite('{"ASSETS":[]}')).toEqual({ ASSETS: [] });
});

test.each([
  ['no JSON', '<html>'],
  ['no object', '[]'],
  ['no list', '{"ASSETS":{"URI":"a"}}'],
  ['no asset', '{"ASSETS":["https://ads.example/a.m3u8"]}'],
  ['no address', '{"ASSETS":[{"DURATION":3}]}'],
  ['another scheme', '{"ASSETS":[{"URI":"file:///etc/passwd"}]}'],
  [
    'a playlist that nobody has looked through',
    '{"ASSETS":[{"URI":"data:application/x-mpegurl,%23EXTM3U"}]}',
  ],
  ['too many', JSON.stringify({ ASSETS: Array.from({ length: 501 }, () => ({ URI: 'a' })) })],
])('%s is refused', (_, text) => {
  expect(() => rewrite(text)).toThrow(expect.objectContaining({ code: 'UPSTREAM_NOT_MEDIA' }));
});
