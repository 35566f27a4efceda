import { redactHeaders, redactText, redactUrl } from '../src/index.ts';

describe('redactUrl', () => {
  test.each([
    ['http://bob:s3cret@host/a.ts', 'http://***@host/a.ts'],
    ['http://bob:p@ss@host:80/a.ts', 'http://***@host:80/a.ts'],
    ['http://host/live/bob/s3cret/12.ts', 'http://host/live/***/***/12.ts'],
    ['http://host:8080/bob/s3cret/12', 'http://host:8080/***/***/12'],
    ['http://host/panel/x/live/bob/s3cret/12.m3u8', 'http://host/panel/x/live/***/***/12.m3u8'],
    ['http://host/panel/bob/12.ts/live/1080', 'http://host/panel/bob/12.ts/live/1080'],
    [
      'http://host/timeshift/bob/s3cret/60/2026-01-01:10-00/7.ts',
      'http://host/timeshift/***/***/60/2026-01-01:10-00/7.ts',
    ],
    [
      'http://host/get.php?username=bob&password=s3cret&type=m3u',
      'http://host/get.php?username=***&password=***&type=m3u',
    ],
    ['http://host/a.m3u8?token=abc&x=1#frag', 'http://host/a.m3u8?token=***&x=1'],
    ['http://host/plain/path.ts?quality=hd', 'http://host/plain/path.ts?quality=hd'],
  ])('%s', (url, expected) => {
    expect(redactUrl(url)).toBe(expected);
  });
});

test('free text loses the credentials of every URL in it', () => {
  expect(redactText("Error opening 'http://u:p@h/x' and http://h/live/a/b/1.ts: 404")).toBe(
    "Error opening 'http://***@h/x' and http://h/live/***/***/1.ts: 404",
  );
});

test('a login with an apostrophe is hidden in free text as well', () => {
  expect(redactText("opening 'http://o'neil:s3'cret@h/x.ts', then 'http://h/y'")).toBe(
    "opening 'http://***@h/x.ts', then 'http://h/y'",
  );
});

test('secret headers keep their name', () => {
  expect(redactHeaders({ Authorization: 'Basic abc', Referer: 'http://x' })).toEqual({
    Authorization: '***',
    Referer: 'http://x',
  });
});

test('long words cost what they are long, whether there is a URL among them or not', () => {
  const word = 'x'.repeat(200_000);
  const startedMs = performance.now();
  expect(redactText(word)).toBe(word);
  expect(redactText(`${word} http://u:p@h/x`)).toBe(`${word} http://***@h/x`);
  const deep = `http://h${'/live'.repeat(20_000)}`;
  expect(redactUrl(`${deep}/x`)).toBe(`${deep}/x`);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
