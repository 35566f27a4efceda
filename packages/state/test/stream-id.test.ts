import fc from 'fast-check';
import { type StreamIdentity, streamId } from '../src/index.ts';

const headerName = fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,12}$/);
const identity: fc.Arbitrary<StreamIdentity> = fc.record(
  {
    kind: fc.constantFrom('direct', 'shared', 'transcode'),
    url: fc.webUrl({ withQueryParameters: true }),
    headers: fc.dictionary(headerName, fc.string()),
    userAgent: fc.string(),
    ffmpegArgs: fc.array(fc.string()),
    format: fc.constantFrom('mpegts', 'hls'),
  },
  { requiredKeys: ['kind', 'url'] },
);

const reversed = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).reverse());

test('an id is 32 hex digits and never changes between releases', () => {
  const known = streamId({
    kind: 'transcode',
    url: 'http://provider.example/live/1.ts',
    headers: { 'X-A': '1' },
    userAgent: 'VLC',
    ffmpegArgs: ['-c', 'copy'],
    format: 'mpegts',
  });
  // Definitions and players' bookmarks outlive the program: this value may only change with a migration.
  expect(known).toBe('6e06f172f4a7392f4cf2d9a2f57a5dcb');
  fc.assert(fc.property(identity, (any) => /^[0-9a-f]{32}$/.test(streamId(any))));
});

test('the order and the case of header names do not change it', () => {
  fc.assert(
    fc.property(identity, (any) => {
      const headers = any.headers ?? {};
      const upper = Object.fromEntries(Object.entries(headers).map(([name, v]) => [name.toUpperCase(), v]));
      // Names that differ only in case would fall together: then it is another request.
      fc.pre(Object.keys(upper).length === Object.keys(headers).length);
      expect(streamId({ ...any, headers: reversed(headers) })).toBe(streamId({ ...any, headers }));
      expect(streamId({ ...any, headers: upper })).toBe(streamId({ ...any, headers }));
    }),
  );
});

test('the order in which a profile’s variables were given does not change it', () => {
  const template = ['-b:v', '{video_bitrate}', '-crf', '{crf}'];
  const resolve = (variables: Record<string, string>) =>
    template.map((argument) => argument.replace(/\{(\w+)\}/, (_, name: string) => variables[name] as string));
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (bitrate, crf) => {
      const base = { kind: 'transcode', url: 'http://x/' } as const;
      const one = resolve({ video_bitrate: `${bitrate}k`, crf: `${crf}` });
      const other = resolve({ crf: `${crf}`, video_bitrate: `${bitrate}k` });
      expect(streamId({ ...base, ffmpegArgs: one })).toBe(streamId({ ...base, ffmpegArgs: other }));
    }),
  );
});

test('identities that differ in anything else have different ids', () => {
  const canonical = (any: StreamIdentity) =>
    JSON.stringify([
      any.kind,
      any.url,
      any.userAgent,
      any.ffmpegArgs,
      any.format,
      Object.entries(any.headers ?? {})
        .map(([name, value]) => [name.toLowerCase(), value])
        .sort(),
    ]);
  fc.assert(
    fc.property(identity, identity, (a, b) => {
      expect(streamId(a) === streamId(b)).toBe(canonical(a) === canonical(b));
    }),
  );
});

test.each<[string, Partial<StreamIdentity>]>([
  ['one argument', { ffmpegArgs: ['-b:v', '2001k'] }],
  ['an argument split in two', { ffmpegArgs: ['-b:v 2000k'] }],
  ['the order of arguments', { ffmpegArgs: ['2000k', '-b:v'] }],
  ['no arguments', { ffmpegArgs: [] }],
  ['the URL’s spelling', { url: 'http://provider.example/a%2fb' }],
  ['the kind', { kind: 'shared' }],
  ['a header’s value', { headers: { referer: 'http://b/' } }],
  ['a header moved into the user agent', { headers: {}, userAgent: 'http://a/' }],
  ['the output', { format: 'hls' }],
])('%s makes another stream', (_, change) => {
  const base: StreamIdentity = {
    kind: 'transcode',
    url: 'http://provider.example/a%2Fb',
    headers: { referer: 'http://a/' },
    ffmpegArgs: ['-b:v', '2000k'],
    format: 'mpegts',
  };
  expect(streamId({ ...base, ...change })).not.toBe(streamId(base));
});

test('the sharing strategy decides what counts', () => {
  const a: StreamIdentity = { kind: 'transcode', url: 'http://x/', ffmpegArgs: ['-crf', '20'] };
  const b: StreamIdentity = { kind: 'transcode', url: 'http://x/', headers: { a: 'b' } };
  expect(streamId(a)).toBe(streamId(a, 'url_profile'));
  expect(streamId(a, 'url_only')).toBe(streamId(b, 'url_only'));
  expect(streamId({ ...a, kind: 'shared' }, 'url_only')).not.toBe(streamId(a, 'url_only'));
  expect(streamId({ ...a, url: 'http://y/' }, 'url_only')).not.toBe(streamId(a, 'url_only'));
  expect(streamId(a, 'disabled')).not.toBe(streamId(a, 'disabled'));
  expect(streamId(a, 'disabled')).toMatch(/^[0-9a-f]{32}$/);
});
