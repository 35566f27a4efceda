import { isStreampoolError } from '@streampool/errors';
import fc from 'fast-check';
import { rewritePlaylist, type UriRole } from '../src/index.ts';

const BASE = 'https://cdn.example/live/a/index.m3u8?token=b%2Fc';

/** Rewrites, marking each URI as `<role url>`. */
function mark(text: string, baseUrl = BASE, variables?: Record<string, string>): string {
  return rewritePlaylist(text, {
    baseUrl,
    rewriteUri: (url, role) => `<${role} ${url}>`,
    ...(variables ? { variables } : {}),
  });
}

/** One line of a media playlist, rewritten. */
function line(text: string): string {
  return mark(`#EXTM3U\n${text}`).split('\n').slice(1).join('\n');
}

test('a multivariant playlist', () => {
  const text = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="keys/1",IV=0x01
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="URI=\\"x\\"",LANGUAGE="en"
#EXT-X-SESSION-DATA:DATA-ID="com.example.lyrics",URI="lyrics.json"
#EXT-X-CONTENT-STEERING:SERVER-URI="/steering?video=1",PATHWAY-ID="A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English, original",LANGUAGE="en",DEFAULT=YES,URI="audio/en.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AUDIO="aud",CODECS="avc1.4d401f,mp4a.40.2"
# a remark

video/720.m3u8?s=1&t=%2F
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,URI="video/iframes.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1000000
//other.example/480.m3u8
`;
  expect(mark(text)).toBe(`#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-SESSION-KEY:METHOD=AES-128,URI="<key https://cdn.example/live/a/keys/1>",IV=0x01
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="URI=",LANGUAGE="en"
#EXT-X-SESSION-DATA:DATA-ID="com.example.lyrics",URI="<session-data https://cdn.example/live/a/lyrics.json>"
#EXT-X-CONTENT-STEERING:SERVER-URI="<session-data https://cdn.example/steering?video=1>",PATHWAY-ID="A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English, original",LANGUAGE="en",DEFAULT=YES,URI="<rendition https://cdn.example/live/a/audio/en.m3u8>"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="CC",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=2000000,AUDIO="aud",CODECS="avc1.4d401f,mp4a.40.2"
# a remark

<playlist https://cdn.example/live/a/video/720.m3u8?s=1&t=%2F>
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=100000,URI="<iframe https://cdn.example/live/a/video/iframes.m3u8>"
#EXT-X-STREAM-INF:BANDWIDTH=1000000
<playlist https://other.example/480.m3u8>
`);
});

test('a low-latency media playlist', () => {
  const text = `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0
#EXT-X-PART-INF:PART-TARGET=0.33
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"
#EXT-X-KEY:METHOD=AES-128,URI="https://keys.example/k?id=1",IV=0xABC
#EXTINF:4.00008,Title, with "quotes" and URI="not.one"
#EXT-X-BYTERANGE:75232@0
file.mp4
#EXT-X-KEY:METHOD=NONE
#EXT-X-PROGRAM-DATE-TIME:2024-02-14T02:14:00.106Z
#EXT-X-PART:DURATION=0.33334,URI="p271.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33334,URI="p271.mp4",BYTERANGE="20000@21000"
#EXT-X-DATERANGE:ID="ad",CLASS="com.apple.hls.interstitial",X-ASSET-URI="ad/index.m3u8",X-NOTE-URI="n.txt"
#EXT-X-DATERANGE:ID="break",CLASS="com.apple.hls.interstitial",X-ASSET-LIST="ads?n=1"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p272.0.mp4"
#EXT-X-RENDITION-REPORT:URI="../1M/index.m3u8",LAST-MSN=273,LAST-PART=2
#EXT-X-UNHEARD-OF:URI="stays.ts"
`;
  const at = 'https://cdn.example/live/a';
  expect(mark(text)).toBe(
    text
      .replace('"init.mp4"', `"<map ${at}/init.mp4>"`)
      .replace('"https://keys.example/k?id=1"', '"<key https://keys.example/k?id=1>"')
      .replace('\nfile.mp4\n', `\n<segment ${at}/file.mp4>\n`)
      .replace('"p271.0.mp4"', `"<part ${at}/p271.0.mp4>"`)
      .replace('"p271.mp4"', `"<part ${at}/p271.mp4>"`)
      .replace('"ad/index.m3u8"', `"<asset ${at}/ad/index.m3u8>"`)
      .replace('"ads?n=1"', `"<asset-list ${at}/ads?n=1>"`)
      .replace('"p272.0.mp4"', `"<preload-hint ${at}/p272.0.mp4>"`)
      .replace('"../1M/index.m3u8"', '"<rendition-report https://cdn.example/live/1M/index.m3u8>"'),
  );
});

test.each([
  ['seg.ts', 'https://cdn.example/live/a/seg.ts'],
  ['./seg.ts', 'https://cdn.example/live/a/seg.ts'],
  ['../b/./seg.ts', 'https://cdn.example/live/b/seg.ts'],
  ['../../../../seg.ts', 'https://cdn.example/seg.ts'],
  ['/seg.ts', 'https://cdn.example/seg.ts'],
  ['/a/../b/seg.ts', 'https://cdn.example/b/seg.ts'],
  ['//h.example:8080/seg.ts', 'https://h.example:8080/seg.ts'],
  ['http://user:pass@H.Example:80/A/../B/seg.ts', 'http://user:pass@H.Example:80/A/../B/seg.ts'],
  ['HTTP://h.example/seg.ts', 'HTTP://h.example/seg.ts'],
  ['?seq=2', 'https://cdn.example/live/a/index.m3u8?seq=2'],
  ['seg.ts?a=/../b', 'https://cdn.example/live/a/seg.ts?a=/../b'],
  ["seg.ts?sig=a+b/c=='%7e|", "https://cdn.example/live/a/seg.ts?sig=a+b/c=='%7e|"],
  ['seg%20ment 1.ts', 'https://cdn.example/live/a/seg%20ment 1.ts'],
  ['ä/日.ts', 'https://cdn.example/live/a/ä/日.ts'],
  ['seg.ts?t=12:30:00', 'https://cdn.example/live/a/seg.ts?t=12:30:00'],
  ['12:30.ts', 'https://cdn.example/live/a/12:30.ts'],
  ['subfile,,start,0,end,9,,:/etc/passwd', 'https://cdn.example/live/a/subfile,,start,0,end,9,,:/etc/passwd'],
])('%s is resolved byte for byte', (reference, absolute) => {
  expect(line(reference)).toBe(`<segment ${absolute}>`);
  expect(line(`#EXT-X-MAP:URI="${reference}"`)).toBe(`#EXT-X-MAP:URI="<map ${absolute}>"`);
});

test.each([
  ['https://h.example', 'seg.ts', 'https://h.example/seg.ts'],
  ['https://h.example?x=1', 'seg.ts', 'https://h.example/seg.ts'],
  ['https://h.example/a/b/', '../seg.ts', 'https://h.example/a/seg.ts'],
  ['https://h.example/a/b/', '..', 'https://h.example/a/'],
  ['http://u:p@h.example:81/a', 'seg.ts', 'http://u:p@h.example:81/seg.ts'],
  ['http://[::1]:81/a/b', '//[::2]/c', 'http://[::2]/c'],
  ['http://h.example/a/b?x=/y/z', 'c', 'http://h.example/a/c'],
])('against %s, %s is %s', (base, reference, absolute) => {
  expect(mark(`#EXTM3U\n${reference}`, base)).toBe(`#EXTM3U\n<segment ${absolute}>`);
});

test('agrees with the URL class where that changes nothing', () => {
  const name = fc.stringMatching(/^[a-z0-9_~-]{1,8}$/);
  const path = fc.array(fc.oneof(name, fc.constantFrom('.', '..', '')), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(path, path, fc.option(name), fc.boolean(), (base, reference, query, rooted) => {
      const baseUrl = `http://h.example/${base.join('/')}`;
      let uri = (rooted ? '/' : '') + reference.join('/') + (query === null ? '' : `?q=${query}`);
      if (uri.startsWith('//') || uri === '') uri = 'x';
      const normal = new URL(baseUrl).href;
      expect(mark(`#EXTM3U\n${uri}`, normal)).toBe(`#EXTM3U\n<segment ${new URL(uri, normal).href}>`);
    }),
  );
});

describe('playlists as they are found', () => {
  test('line ends stay as they are', () => {
    const text = '#EXTM3U\r\n#EXTINF:4,\r\na.ts\r\n\r\n#EXT-X-ENDLIST';
    expect(mark(text)).toBe(text.replace('a.ts', '<segment https://cdn.example/live/a/a.ts>'));
    expect(mark('#EXTM3U\r#EXTINF:4,\ra.ts\r')).toBe(
      '#EXTM3U\r#EXTINF:4,\r<segment https://cdn.example/live/a/a.ts>\r',
    );
  });

  test('byte order mark, blank lines and a missing header are put right', () => {
    for (const start of ['\ufeff', '\u00ef\u00bb\u00bf', '\n\n', '\ufeff\r\n ']) {
      expect(mark(`${start}#EXTM3U\n#EXTINF:4,\n`)).toBe('#EXTM3U\n#EXTINF:4,\n');
    }
    expect(mark('#EXT-X-TARGETDURATION:4\n')).toBe('#EXTM3U\n#EXT-X-TARGETDURATION:4\n');
    expect(mark('#EXTM3U x-tvg-url="http://h.example/x"\n')).toBe('#EXTM3U x-tvg-url="http://h.example/x"\n');
  });

  test('spaces around URIs, attributes and tags', () => {
    expect(line('  a.ts \t')).toBe('<segment https://cdn.example/live/a/a.ts>');
    expect(line('#EXT-X-MAP: BYTERANGE="1@0" , URI = "a b.mp4"')).toBe(
      '#EXT-X-MAP:BYTERANGE="1@0",URI="<map https://cdn.example/live/a/a b.mp4>"',
    );
    expect(line(' \t#EXTINF:4, x \n  # y')).toBe('#EXTINF:4, x \n# y');
    expect(line('  #EXT-X-MAP:URI="a.mp4"')).toBe('#EXT-X-MAP:URI="<map https://cdn.example/live/a/a.mp4>"');
  });

  test('a URI without quotes gets them, an unfinished quote ends with the line', () => {
    const key = 'URI="<key https://cdn.example/live/a/k>"';
    expect(line('#EXT-X-KEY:METHOD=AES-128,URI=k,IV=0x1')).toBe(`#EXT-X-KEY:METHOD=AES-128,${key},IV=0x1`);
    expect(line('#EXT-X-KEY:METHOD=AES-128,URI="k')).toBe(`#EXT-X-KEY:METHOD=AES-128,${key}`);
  });

  test('empty URIs and tags without attributes are left', () => {
    for (const text of [
      '#EXT-X-KEY:METHOD=NONE',
      '#EXT-X-KEY:METHOD=X,URI=""',
      '#EXT-X-MAP',
      '#EXT-X-MAP:URI=',
    ]) {
      expect(line(text)).toBe(text);
    }
  });

  test('what only looks like a URI attribute is none', () => {
    for (const text of [
      '#EXT-X-KEY:METHOD=NONE,X-URI="a"',
      '#EXT-X-KEY:METHOD=NONE,NAME="x,URI=a"',
      '#EXT-X-KEYS:URI="a"',
      '#EXTINF:4,URI="a"',
      '#EXTVLCOPT:http-referrer=http://h.example/',
      '# URI="a"',
    ]) {
      expect(line(text)).toBe(text);
    }
  });

  test('an IPTV list is one too', () => {
    expect(line('#EXTINF:-1 tvg-logo="http://h.example/l.png",One\nhttp://h.example/1')).toBe(
      '#EXTINF:-1 tvg-logo="http://h.example/l.png",One\n<segment http://h.example/1>',
    );
  });

  test('ten thousand segments are rewritten at once', () => {
    const text = `#EXTM3U\n${'#EXTINF:4,\nseg.ts?a=b\n'.repeat(10_000)}`;
    expect(mark(text).match(/<segment /g)).toHaveLength(10_000);
  });
});

describe('other schemes', () => {
  test('data: URIs are left, except as playlists', () => {
    for (const text of [
      'data:video/mp2t;base64,R0FB',
      '#EXT-X-KEY:METHOD=AES-128,URI="data:text/plain;base64,AAAA"',
      '#EXT-X-MAP:URI="data:video/mp4;base64,AAAA"',
    ]) {
      expect(line(text)).toBe(text);
    }
  });

  test('names of DRM keys are left', () => {
    for (const text of [
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://key65",KEYFORMAT="com.apple.streamingkeydelivery"',
      '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="urn:uuid:1"',
    ]) {
      expect(line(text)).toBe(text);
    }
  });

  test.each([
    ['file:///etc/passwd', 'file', 'segment'],
    ['FILE:///etc/passwd', 'file', 'segment'],
    ['concat:http://h.example/a|file:///etc/passwd', 'concat', 'segment'],
    ['ftp://h.example/a.ts', 'ftp', 'segment'],
    ['#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"', 'file', 'key'],
    ['#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd', 'file', 'key'],
    ['#EXT-X-MAP:URI=file:///etc/passwd', 'file', 'map'],
    ['#EXT-X-MEDIA:TYPE=AUDIO,URI="data:application/x-mpegurl,%23EXTM3U"', 'data', 'rendition'],
    ['#EXT-X-STREAM-INF:BANDWIDTH=1\ndata:,x', 'data', 'playlist'],
  ])('%s is refused', (text, scheme, role) => {
    const refused = catchError(() => line(text));
    expect(isStreampoolError(refused, 'UPSTREAM_NOT_MEDIA')).toBe(true);
    expect(refused).toMatchObject({ info: { scheme, role } });
  });

  test.each([
    ['#EXT-X-KEY:A="\\",B=",URI="file:///etc/passwd",C="', 'A="",B=",URI=",C=""'],
    ['#EXT-X-KEY:A="\\\\"B=",URI="http://h.example/k"', 'A="",B=",URI="'],
    ['#EXT-X-KEY:METHOD=AES-128 URI="http://h.example/k"', 'METHOD=AES-128,URI="<key http://h.example/k>"'],
    ['#EXT-X-KEY:_="A=",URI="http://h.example/k"', 'A=",URI="'],
    ['#EXT-X-KEY:A= "B=c,URI=http://h.example/k,"', 'A="B=c,URI=http://h.example/k,"'],
    ['#EXT-X-KEY:A=b\u000bURI="http://h.example/k"', 'A=bURI=http://h.example/k'],
  ])('%j shows every reader the same attributes', (text, list) => {
    expect(line(text)).toBe(`#EXT-X-KEY:${list}`);
  });

  test('a NUL, which ends lines for FFmpeg, hides no address in a comment', () => {
    expect(line('# x\0http://h.example/a.ts')).toBe('# xhttp://h.example/a.ts');
  });

  test('data: URIs are handed over where somebody serves them', () => {
    const to = (text: string) =>
      rewritePlaylist(text, {
        baseUrl: BASE,
        rewriteUri: (url) => url,
        rewriteData: (uri, role) => `<${role} ${uri}>`,
      });
    expect(to('#EXTM3U\n#EXT-X-MAP:URI="data:,x"\ndata:,y')).toBe(
      '#EXTM3U\n#EXT-X-MAP:URI="<map data:,x>"\n<segment data:,y>',
    );
  });
});

test.each(['', '<html>', 'GGG', '#EXTINF', '#EXTM3UX\na.ts', '{"error":1}', '\u0000G'])(
  '%j is no playlist',
  (text) => {
    expect(
      isStreampoolError(
        catchError(() => mark(text)),
        'UPSTREAM_NOT_MEDIA',
      ),
    ).toBe(true);
  },
);

test('variables are filled in before URIs are resolved', () => {
  const text = `#EXTM3U
#EXT-X-DEFINE:NAME="path",VALUE="deep/er"
#EXT-X-DEFINE:QUERYPARAM="token"
#EXT-X-DEFINE:IMPORT="host"
#EXT-X-MAP:URI="//{$host}/{$path}/init.mp4?t={$token}"
{$path}/{$unknown}.ts`;
  const [map, segment] = mark(text, BASE, { host: 'h.example' }).split('\n').slice(-2);
  expect(map).toBe('#EXT-X-MAP:URI="<map https://h.example/deep/er/init.mp4?t=b%2Fc>"');
  expect(segment).toBe('<segment https://cdn.example/live/a/deep/er/{$unknown}.ts>');
});

test('what stands in the place of a URI can break neither line nor quotes', () => {
  const to = (rewritten: string) => () =>
    rewritePlaylist('#EXTM3U\n#EXT-X-MAP:URI="a"\n', { baseUrl: BASE, rewriteUri: () => rewritten });
  expect(to('x"y')()).toBe('#EXTM3U\n#EXT-X-MAP:URI="x%22y"\n');
  expect(to('x$&$1')()).toBe('#EXTM3U\n#EXT-X-MAP:URI="x$&$1"\n');
  expect(to('x\ny')).toThrow(TypeError);
  expect(() => mark('#EXTM3U', 'file:///etc/index.m3u8')).toThrow(TypeError);
});

test('of any text only URIs change: rewriting each URI to itself keeps an absolute playlist as it is', () => {
  const url = fc
    .webUrl({ withQueryParameters: true, validSchemes: ['http', 'https'] })
    .filter((u) => !u.includes('"'));
  const tag = fc.constantFrom(
    '#EXT-X-ENDLIST',
    '#EXTINF:4.0,Name',
    '#EXT-X-DISCONTINUITY',
    '',
    '# x',
    '#EXT-X-GAP',
  );
  const uriTag = fc
    .tuple(fc.constantFrom('MAP', 'PART', 'KEY', 'MEDIA'), url)
    .map(([t, u]) => `#EXT-X-${t}:A=1,URI="${u}",B="c,d"`);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(url, tag, uriTag), { maxLength: 20 }),
      fc.constantFrom('\n', '\r\n'),
      (lines, end) => {
        const seen: UriRole[] = [];
        const text = ['#EXTM3U', ...lines].join(end);
        const same = rewritePlaylist(text, {
          baseUrl: BASE,
          rewriteUri: (absolute, role) => {
            seen.push(role);
            return absolute;
          },
        });
        expect(same).toBe(text);
        expect(seen).toHaveLength(lines.filter((one) => one.includes('://')).length);
      },
    ),
  );
});

function catchError(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
