import { checkPlaylist } from '@streampool/testkit';

const MEDIA = `#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2030-01-01T00:00:00.000Z
#EXTINF:2.000,a title, with a comma
7.m4s
#EXTINF:2.4,
8.m4s
#EXT-X-PROGRAM-DATE-TIME:2030-01-01T00:00:04.400Z
#EXTINF:1.6,
9.m4s
`;
const MULTI = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",DEFAULT=YES,AUTOSELECT=YES,URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",URI="de.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",FORCED=NO,URI="en-text.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="English",INSTREAM-ID="CC1"
#EXT-X-SESSION-DATA:DATA-ID="title",VALUE="x"
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="key"
#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=16x9,AUDIO="a",SUBTITLES="s",CLOSED-CAPTIONS="c"
low.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2000,AUDIO="a",CLOSED-CAPTIONS=NONE
high.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100,URI="i.m3u8"
`;
const LOW_LATENCY = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=6,CAN-SKIP-UNTIL=12
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-SKIP:SKIPPED-SEGMENTS=4
#EXT-X-PART:DURATION=0.5,URI="4.0.ts",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI="4.1.ts"
#EXT-X-PART:DURATION=0.5,URI="4.2.ts"
#EXT-X-PART:DURATION=0.3,URI="4.3.ts"
#EXTINF:1.8,
4.ts
#EXT-X-PART:DURATION=0.5,URI="5.0.ts"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="5.1.ts"
#EXT-X-RENDITION-REPORT:URI="other.m3u8",LAST-MSN=5,LAST-PART=0
`;

test.each([
  ['media', MEDIA],
  ['multivariant', MULTI],
  ['low latency', LOW_LATENCY],
])('nothing is said against a good playlist: %s', (_, text) => {
  expect(checkPlaylist(text).violations.texts).toEqual([]);
});

test('what it reads', () => {
  const { segments, kind } = checkPlaylist(MEDIA);
  expect(kind).toBe('media');
  expect(segments.map(({ sequence, seconds, uri }) => [sequence, seconds, uri])).toEqual([
    [7, 2, '7.m4s'],
    [8, 2.4, '8.m4s'],
    [9, 1.6, '9.m4s'],
  ]);
  expect(segments[0]).toMatchObject({ map: { uri: 'init.mp4' }, discontinuitySequence: 3 });
  const low = checkPlaylist(LOW_LATENCY);
  expect([low.skipped, low.segments[0]!.sequence, low.trailingParts.length]).toEqual([4, 4, 1]);
});

/** What is replaced by what in which playlist, and the rule that must speak up. */
const BAD: [what: string, text: string, from: string | RegExp, to: string, rule: string][] = [
  // §4.1, §4.2
  ['no #EXTM3U', MEDIA, '#EXTM3U\n', '', '4.3.1.1'],
  ['a byte order mark', MEDIA, /^/, '\ufeff', '4.1'],
  ['control characters', MEDIA, 'a title', 'a\u0007title', '4.1'],
  ['white space in a URI', MEDIA, '7.m4s', '7 .m4s', '4.1'],
  ['white space in an attribute list', MULTI, ',NAME="Deutsch"', ', NAME="Deutsch"', '4.2'],
  ['an attribute twice', MULTI, 'BANDWIDTH=1000', 'BANDWIDTH=1000,BANDWIDTH=1000', '4.2'],
  ['a comma at the end', MULTI, 'CLOSED-CAPTIONS=NONE', 'CLOSED-CAPTIONS=NONE,', '4.2'],
  ['quotes left out', MULTI, 'NAME="Deutsch"', 'NAME=Deutsch', '4.2'],
  ['a quoted number', MULTI, 'BANDWIDTH=1000', 'BANDWIDTH="1000"', '4.2'],
  ['a number of more than 64 bits', MULTI, 'BANDWIDTH=1000', 'BANDWIDTH=18446744073709551616', '4.2'],
  ['a resolution of one number', MULTI, '16x9', '16', '4.2'],
  ['an enumerated value that is none', MULTI, 'TYPE=SUBTITLES', 'TYPE=SUBTITLE', '4.3'],
  // §4.3.1, §4.3.3
  ['two versions', MEDIA, '#EXT-X-VERSION:6', '#EXT-X-VERSION:6\n#EXT-X-VERSION:6', '4.3'],
  ['decimals below version 3', MEDIA.replace(/#EXT-X-MAP.*\n/, ''), 'VERSION:6', 'VERSION:2', '7'],
  ['a map below version 6', MEDIA, 'VERSION:6', 'VERSION:5', '7'],
  [
    'byte ranges below version 4',
    MEDIA.replace(/#EXT-X-MAP.*\n/, '').replace('VERSION:6', 'VERSION:3'),
    '7.m4s',
    '#EXT-X-BYTERANGE:5@0\n7.m4s',
    '7',
  ],
  ['a delta update below version 9', LOW_LATENCY, 'VERSION:9', 'VERSION:8', '7'],
  ['no target duration', MEDIA, /#EXT-X-TARGETDURATION.*\n/, '', '4.3.3.1'],
  ['a segment longer than the target', MEDIA, 'EXTINF:2.4', 'EXTINF:2.5', '4.3.3.1'],
  ['a target with decimals', MEDIA, 'TARGETDURATION:2', 'TARGETDURATION:2.5', '4.3'],
  [
    'the media sequence behind a segment',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-MEDIA-SEQUENCE:8\n#EXTINF:2.4',
    '4.3.3.2',
  ],
  [
    'the discontinuity sequence behind a segment',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-DISCONTINUITY-SEQUENCE:8\n#EXTINF:2.4',
    '4.3.3.3',
  ],
  [
    'the discontinuity sequence behind a discontinuity',
    MEDIA,
    '#EXT-X-DISCONTINUITY-SEQUENCE:3',
    '#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY-SEQUENCE:3',
    '4.3.3.3',
  ],
  ['a type that is none', MEDIA, '#EXT-X-MAP', '#EXT-X-PLAYLIST-TYPE:LIVE\n#EXT-X-MAP', '4.3'],
  [
    'I-frames without range or map',
    MEDIA.replace(/#EXT-X-MAP.*\n/, ''),
    '#EXT-X-PROGRAM',
    '#EXT-X-I-FRAMES-ONLY\n#EXT-X-PROGRAM',
    '4.3.3.6',
  ],
  ['no segment at all', MEDIA, /#EXTINF.*/s, '', '6.2.1'],
  [
    'tags of variants among segments',
    MEDIA,
    '#EXTINF:2.000',
    '#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="b"\n#EXTINF:2.000',
    '4.3.3',
  ],
  [
    'tags of segments among variants',
    MULTI,
    '#EXT-X-SESSION-DATA',
    '#EXT-X-TARGETDURATION:2\n#EXT-X-SESSION-DATA',
    '4.3.3',
  ],
  // §4.3.2
  ['a segment without EXTINF', MEDIA, '#EXTINF:2.4,\n', '', '4.3.2.1'],
  ['EXTINF without a segment', MEDIA, '8.m4s\n', '', '4.3.2.1'],
  ['EXTINF without a comma', MEDIA, '2.4,', '2.4', '4.3'],
  ['a negative duration', MEDIA, '2.4,', '-2.4,', '4.3'],
  ['a byte range with nothing before it', MEDIA, '8.m4s', '#EXT-X-BYTERANGE:10\n8.m4s', '4.3.2.2'],
  [
    'two discontinuities',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-DISCONTINUITY\n#EXT-X-DISCONTINUITY\n#EXTINF:2.4',
    '4.3.2.3',
  ],
  ['the same segment twice', MEDIA, '8.m4s', '7.m4s', '4.3.2'],
  ['a key without method', MEDIA, '#EXTINF:2.4', '#EXT-X-KEY:URI="k"\n#EXTINF:2.4', '4.3'],
  ['a key without URI', MEDIA, '#EXTINF:2.4', '#EXT-X-KEY:METHOD=AES-128\n#EXTINF:2.4', '4.3.2.4'],
  ['no key with a URI', MEDIA, '#EXTINF:2.4', '#EXT-X-KEY:METHOD=NONE,URI="k"\n#EXTINF:2.4', '4.3.2.4'],
  ['a method that is none', MEDIA, '#EXTINF:2.4', '#EXT-X-KEY:METHOD=ROT-13,URI="k"\n#EXTINF:2.4', '4.3.2.4'],
  [
    'an IV too long',
    MEDIA,
    '#EXTINF:2.4',
    `#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x${'0'.repeat(33)}\n#EXTINF:2.4`,
    '4.3.2.4',
  ],
  ['a map without URI', MEDIA, 'URI="init.mp4"', 'BYTERANGE="5@0"', '4.3'],
  ['a date that is none', MEDIA, '2030-01-01T00:00:00.000Z', 'yesterday', '4.3'],
  ['dates that go back', MEDIA, '2030-01-01T00:00:04.400Z', '2029-12-31T00:00:00.000Z', '6.2.1'],
  ['dates that jump', MEDIA, '00:00:04.400Z', '00:00:05.400Z', '4.3.2.6'],
  [
    'a date range without ID',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-DATERANGE:START-DATE="2030-01-01T00:00:00Z"\n#EXTINF:2.4',
    '4.3',
  ],
  [
    'a date range that ends before it begins',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-DATERANGE:ID="a",START-DATE="2030-01-01T00:00:02Z",END-DATE="2030-01-01T00:00:00Z"\n#EXTINF:2.4',
    '4.3.2.7',
  ],
  [
    'a date range without dates',
    MEDIA.replace(/#EXT-X-PROGRAM.*\n/g, ''),
    '#EXTINF:2.4',
    '#EXT-X-DATERANGE:ID="a",START-DATE="2030-01-01T00:00:02Z"\n#EXTINF:2.4',
    '4.3.2.7',
  ],
  [
    'END-ON-NEXT without CLASS',
    MEDIA,
    '#EXTINF:2.4',
    '#EXT-X-DATERANGE:ID="a",START-DATE="2030-01-01T00:00:02Z",END-ON-NEXT=YES\n#EXTINF:2.4',
    '4.3.2.7',
  ],
  // §4.3.4
  ['no bandwidth', MULTI, 'BANDWIDTH=1000,', '', '4.3'],
  ['a variant without URI', MULTI, 'low.m3u8\n', '', '4.3.4.2'],
  ['no variant', MULTI, /#EXT-X-STREAM-INF.*\n.*\n/g, '', '4.3.4'],
  ['a group that is none', MULTI, 'SUBTITLES="s"', 'SUBTITLES="t"', '4.3.4.2'],
  ['two renditions of one name', MULTI, 'NAME="Deutsch"', 'NAME="English"', '4.3.4.1.1'],
  ['two defaults', MULTI, 'NAME="Deutsch"', 'NAME="Deutsch",DEFAULT=YES', '4.3.4.1.1'],
  [
    'a default that is not selected',
    MULTI,
    'DEFAULT=YES,AUTOSELECT=YES',
    'DEFAULT=YES,AUTOSELECT=NO',
    '4.3.4.1',
  ],
  ['subtitles without URI', MULTI, ',URI="en-text.m3u8"', '', '4.3.4.1'],
  ['captions with URI', MULTI, 'INSTREAM-ID="CC1"', 'INSTREAM-ID="CC1",URI="c"', '4.3.4.1'],
  ['captions without INSTREAM-ID', MULTI, ',INSTREAM-ID="CC1"', '', '4.3.4.1'],
  ['forced sound', MULTI, 'NAME="Deutsch"', 'NAME="Deutsch",FORCED=NO', '4.3.4.1'],
  ['session data that say nothing', MULTI, ',VALUE="x"', '', '4.3.4.4'],
  [
    'session data twice',
    MULTI,
    '#EXT-X-SESSION-KEY',
    '#EXT-X-SESSION-DATA:DATA-ID="title",VALUE="y"\n#EXT-X-SESSION-KEY',
    '4.3.4.4',
  ],
  ['a session key that is none', MULTI, 'METHOD=AES-128,URI="key"', 'METHOD=NONE', '4.3.4.5'],
  // Second edition
  ['parts without a target', LOW_LATENCY, /#EXT-X-PART-INF.*\n/, '', 'bis 4.4.3.7'],
  ['no PART-HOLD-BACK', LOW_LATENCY, 'PART-HOLD-BACK=1.5,', '', 'bis 4.4.3.8'],
  ['PART-HOLD-BACK too short', LOW_LATENCY, 'PART-HOLD-BACK=1.5', 'PART-HOLD-BACK=0.9', 'bis 4.4.3.8'],
  ['HOLD-BACK too short', LOW_LATENCY, ',HOLD-BACK=6', ',HOLD-BACK=5.9', 'bis 4.4.3.8'],
  ['CAN-SKIP-UNTIL too short', LOW_LATENCY, 'CAN-SKIP-UNTIL=12', 'CAN-SKIP-UNTIL=11', 'bis 4.4.3.8'],
  ['skipping nobody spoke of', LOW_LATENCY, ',CAN-SKIP-UNTIL=12', '', 'bis 4.4.5.2'],
  ['CAN-SKIP-DATERANGES alone', LOW_LATENCY, 'CAN-SKIP-UNTIL=12', 'CAN-SKIP-DATERANGES=YES', 'bis 4.4.3.8'],
  ['a part too long', LOW_LATENCY, '0.5,URI="4.1', '0.6,URI="4.1', 'bis 4.4.3.7'],
  ['a part too short', LOW_LATENCY, '0.5,URI="4.1', '0.4,URI="4.1', 'bis 4.4.4.9'],
  ['parts that are not their segment', LOW_LATENCY, '#EXTINF:1.8', '#EXTINF:2.0', 'bis 4.4.4.9'],
  [
    'two hints',
    LOW_LATENCY,
    '#EXT-X-RENDITION',
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="5.2.ts"\n#EXT-X-RENDITION',
    'bis 4.4.5.3',
  ],
  ['a hint at what is there', LOW_LATENCY, 'TYPE=PART,URI="5.1.ts"', 'TYPE=PART,URI="5.0.ts"', 'bis 4.4.5.3'],
  [
    'a hint behind the end',
    LOW_LATENCY,
    '#EXT-X-RENDITION',
    '#EXT-X-ENDLIST\n#EXT-X-RENDITION',
    'bis 4.4.5.3',
  ],
  ['a report of nothing', LOW_LATENCY, 'URI="other.m3u8",', '', '4.3'],
];

test.each(BAD)('refused: %s', (_what, text, from, to, rule) => {
  const broken = text.replace(from, to);
  expect(broken).not.toBe(text);
  expect(checkPlaylist(broken).violations.list.map((violation) => violation.rule)).toContain(rule);
});
