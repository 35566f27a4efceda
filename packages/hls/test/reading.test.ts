import fc from 'fast-check';
import { isMultivariant, readMediaPlaylist, readMultivariant, rewritePlaylist } from '../src/index.ts';

const MEDIA = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24,PART-HOLD-BACK=1.5
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:17
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-VENDOR:head
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="a"
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://b",KEYFORMAT="com.apple.streamingkeydelivery"
#EXT-X-MAP:URI="init.mp4"
#EXTINF:4.5,title
#EXT-X-BYTERANGE:100@50
all.mp4
#EXTINF:4,
#EXT-X-BYTERANGE:10
all.mp4
#EXT-X-DISCONTINUITY
#EXT-X-KEY:METHOD=NONE
#EXTINF:3.9,
clear.mp4
#EXT-X-PART:DURATION=0.5,URI="p0"
#EXT-X-PART:DURATION=0.5,URI="p1"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p2"
`;

test('a media playlist is taken apart by segments, with what earlier lines say of each', () => {
  const list = readMediaPlaylist(MEDIA);
  expect(list).toMatchObject({
    ...{ mediaSequence: 17, discontinuitySequence: 3, targetDurationMs: 4_000, isEnded: false, openParts: 2 },
    ...{ partTargetMs: 500, canBlockReload: true, canSkipUntilMs: 24_000, type: undefined },
  });
  expect(list.head.at(-1)).toBe('#EXT-X-VENDOR:head');
  expect(list.tail).toHaveLength(3);
  const [first, second, third] = list.segments;
  expect(first?.keys).toHaveLength(2);
  expect(first?.startsAtMs).toBe(Date.parse('2026-01-01T00:00:00Z'));
  expect(second?.startsAtMs).toBe(Date.parse('2026-01-01T00:00:04.500Z'));
  expect(second).toMatchObject({ byteRange: { length: 10, offset: 150 }, map: '#EXT-X-MAP:URI="init.mp4"' });
  expect(third).toMatchObject({ keys: [], isDiscontinuity: true, durationMs: 3_900, byteRange: undefined });
});

test('nothing is lost but the two numbers, and nothing throws', () => {
  const line = fc.oneof(
    fc.constantFrom(
      ...MEDIA.split('\n'),
      '#EXT-X-ENDLIST',
      '#EXTINF:x',
      '#EXT-X-BYTERANGE:',
      '# remark',
      '  ',
    ),
    fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replace(/[\r\n]/g, '')),
  );
  const isNumber = (text: string): boolean => /^#EXT-X-(?:MEDIA|DISCONTINUITY)-SEQUENCE(?::|$)/.test(text);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
      const list = readMediaPlaylist(lines.join('\n'));
      const kept = [...list.head, ...list.segments.flatMap((segment) => segment.lines), ...list.tail];
      const wanted = lines.filter((text) => text.trim() !== '' && !isNumber(text.trim()));
      expect([...kept].sort()).toEqual([...wanted].sort());
    }),
  );
});

test('a multivariant playlist says which playlists it leads to', () => {
  const text = `#EXTM3U
#EXT-X-DEFINE:NAME="dir",VALUE="v"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",URI="en.m3u8?s=%2F"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="muxed"
#EXT-X-STREAM-INF:BANDWIDTH=100,AUDIO="a"
{$dir}/low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=200
//cdn.example/high.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=10,URI="file:///etc/passwd"
`;
  expect(isMultivariant(text)).toBe(true);
  expect(isMultivariant(MEDIA)).toBe(false);
  expect(readMultivariant(text, 'http://h.example/x/main.m3u8')).toEqual({
    variables: { dir: 'v' },
    playlists: [
      {
        ...{
          url: 'http://h.example/x/en.m3u8?s=%2F',
          role: 'rendition',
          type: 'AUDIO',
          place: 0,
          bandwidth: 0,
        },
        ...{ name: 'English', language: 'en' },
      },
      { url: 'http://h.example/x/v/low.m3u8', role: 'playlist', place: 0, bandwidth: 100, audioGroup: 'a' },
      { url: 'http://cdn.example/high.m3u8', role: 'playlist', place: 1, bandwidth: 200 },
    ],
  });
});

test('variables that players could not find behind another address become values', () => {
  const rewrite = (line: string, rest = '#EXT-X-X:{$token}{$host}{$n}'): string =>
    rewritePlaylist(`#EXTM3U\n${line}\n${rest}`, {
      baseUrl: 'http://h.example/a.m3u8?token=a%2Fb',
      rewriteUri: (url) => url,
      variables: { host: 'x' },
    }).split('\n')[1]!;
  expect(rewrite('#EXT-X-DEFINE:QUERYPARAM="token"')).toBe('#EXT-X-DEFINE:NAME="token",VALUE="a%2Fb"');
  expect(rewrite('#EXT-X-DEFINE:IMPORT="host"')).toBe('#EXT-X-DEFINE:NAME="host",VALUE="x"');
  for (const line of ['#EXT-X-DEFINE:NAME="n",VALUE="v"', '#EXT-X-DEFINE:IMPORT="unknown"'])
    expect(rewrite(line)).toBe(line);
  // What only addresses were made of is nobody's business: it is where providers put hosts and passwords.
  expect(rewrite('#EXT-X-DEFINE:QUERYPARAM="token"', 'a.ts?{$token}')).toBe(
    '#EXT-X-DEFINE:NAME="token",VALUE=""',
  );
  expect(rewrite('#EXT-X-DEFINE:NAME="n",VALUE="v,w"', '{$n}/a.ts')).toBe('#EXT-X-DEFINE:NAME="n",VALUE=""');
});
