import { resolveTranscode } from '@streampool/ffmpeg';
import { isPlaylist, readMediaPlaylist, readMultivariant, rewritePlaylist } from '@streampool/hls';
import {
  AccessUnitCollector,
  collectPes,
  PacketAligner,
  PesGate,
  ProgramFinder,
  parseProgramAssociation,
  parseProgramMap,
  TsScanner,
  TsSplicer,
  TsVerifier,
} from '@streampool/mpegts';
import { redactText, redactUrl } from '@streampool/redaction';
import { ChunkedDecoder } from '../../packages/upstream/src/http/chunked-decoder.ts';
import { ResponseHeadParser } from '../../packages/upstream/src/http/response-head.ts';
import { parseTargetUrl, resolveLocation } from '../../packages/upstream/src/http/target-url.ts';
import { parseContentRange } from '../../packages/upstream/src/transfer/content-range.ts';
import { addressesFfmpegSees } from './ffmpeg-reading.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Where inputs begin: `ts` is made of real streams. */
  readonly seeds: 'ts' | readonly string[];
  readonly words: readonly string[];
  readonly maxBytes: number;
  /** Throws what is a fault; errors of the catalogue are none. */
  run(input: Buffer): void;
}

const PACKET = 188;

/** The input in pieces whose sizes come from itself, each in memory that is wiped afterwards, as readers reuse theirs. */
function inPieces(input: Buffer, take: (piece: Buffer) => void): void {
  let at = 0;
  for (let i = 0; at < input.length; i++) {
    const size = 1 + ((input[i % input.length]! * 7 + i * 131) % 3_000);
    const piece = Buffer.from(input.subarray(at, at + size));
    take(piece);
    piece.fill(0xee);
    at += size;
  }
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(`fault: ${what}`);
}

/** Whole packets, whatever the input was. */
function packetsOf(input: Buffer): Buffer {
  const whole = Buffer.from(input.subarray(0, input.length - (input.length % PACKET)));
  for (let at = 0; at < whole.length; at += PACKET) whole[at] = 0x47;
  return whole;
}

const TS_WORDS = [
  ...[
    '\x47\x40\x00\x10\x00',
    '\x47\x41\x00\x30',
    '\x00\x00\x01\xe0\x00\x00\x84\xc0',
    '\x00\x00\x01\x09\xf0',
    '\x00\x00\x00\x01\x67',
    '\x00\x00\x01\x65',
  ],
  ...[
    '\x00\xb0\x0d\x00\x01\xc1\x00\x00',
    '\x02\xb0\x17',
    '\x00\x00\x01\xb3',
    '\x00\x00\x01\x00',
    '\xff\xff\xff\xff',
    '\x47'.repeat(8),
  ],
];

const TS: readonly Omit<FuzzTarget, 'seeds' | 'words' | 'maxBytes'>[] = [
  {
    name: 'aligner',
    run(input) {
      const aligner = new PacketAligner();
      let out = 0;
      const check = (run: Buffer): void => {
        must(run.length % PACKET === 0, 'a run that is no whole packets');
        for (let at = 0; at < run.length; at += PACKET)
          must(run[at] === 0x47, 'a packet without its sync byte');
        out += run.length;
      };
      inPieces(input, (piece) => check(aligner.push(piece)));
      check(aligner.flush());
      must(out <= input.length, 'more came out than went in');
    },
  },
  {
    name: 'scanner',
    run(input) {
      const packets = packetsOf(input);
      const points: number[] = [];
      const scanner = new TsScanner({
        onAccessPoint: ({ offset }) => points.push(offset),
        onProgram: () => {},
      });
      for (let at = 0; at < packets.length; at += PACKET * 7)
        scanner.scan(packets.subarray(at, at + PACKET * 7), at);
      for (const offset of points)
        must(offset >= 0 && offset <= packets.length, 'an access point outside the stream');
    },
  },
  {
    name: 'splicer',
    run(input) {
      let nowMs = 0;
      let out = 0;
      const splicer = new TsSplicer({
        now: () => nowMs,
        holdBytes: 256 * 1024,
        emit: (run: Buffer) => {
          must(run.length % PACKET === 0, 'a run that is no whole packets');
          out += run.length;
        },
      });
      const half = Math.floor(input.length / 2);
      for (const part of [input.subarray(0, half), input.subarray(half), input]) {
        const feed = splicer.open();
        inPieces(part, (piece) => {
          nowMs += 20;
          feed.push(piece);
        });
        feed.end();
      }
      must(out <= 8 * input.length + 100 * PACKET, 'far more came out than went in');
    },
  },
  {
    name: 'gate',
    run(input) {
      const packets = packetsOf(input);
      let nowMs = 0;
      const gate = new PesGate({ now: () => nowMs });
      let out = 0;
      for (let at = 0; at < packets.length; at += PACKET * 5) {
        nowMs += 10;
        out += gate.push(Buffer.from(packets.subarray(at, at + PACKET * 5))).length;
      }
      out += gate.flush().length;
      must(out <= packets.length, 'more came out than went in');
    },
  },
  {
    name: 'sections',
    run(input) {
      const packets = packetsOf(input);
      const finder = new ProgramFinder(() => {});
      for (let at = 0; at < packets.length; at += PACKET * 3)
        finder.push(packets.subarray(at, at + PACKET * 3));
      parseProgramAssociation(input);
      parseProgramMap(input, { programNumber: 1, pmtPid: 0x100, transportStreamId: 1 } as never);
    },
  },
  {
    name: 'pictures',
    run(input) {
      const packets = packetsOf(input);
      for (const codec of ['h264', 'hevc', 'mpeg2video'] as const) {
        const collector = new AccessUnitCollector({ pid: 0x100, codec: codec as never }, 64 * 1024);
        collector.push(packets);
      }
      collectPes(packets, 0x100);
      const verifier = new TsVerifier();
      verifier.push(packets);
      verifier.verdict(true);
    },
  },
];

const PLAYLIST_WORDS = [
  ...[
    '#EXTM3U',
    '\n',
    '\r',
    '\r\n',
    '\0',
    '\v',
    '\\"',
    '\\',
    '"',
    ',',
    '=',
    ' ',
    '\t',
    '_="',
    'URI=',
    'URI="',
    'http://evil.test/',
    '//evil.test/',
    'data:,x',
    'file:///x',
  ],
  ...[
    '#EXT-X-KEY:',
    '#EXT-X-MAP:',
    '#EXT-X-MEDIA:',
    '#EXT-X-STREAM-INF:',
    '#EXT-X-DEFINE:',
    '#EXT-X-BYTERANGE:',
    '#EXT-X-PART:',
    '#EXTINF:',
    '#EXT-X-I-FRAME-STREAM-INF:',
  ],
  ...[
    'METHOD=AES-128',
    'NAME="a",VALUE="b"',
    '{$a}',
    '\ufeff',
    '\u2028',
    '#EXT-X-MEDIA-SEQUENCE:',
    '999999999999999999999',
    '-1',
    'NaN',
    '#EXT-X-PROGRAM-DATE-TIME:',
    '#EXT-X-ENDLIST',
  ],
];

const PLAYLISTS = [
  '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:12\n#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"\n#EXT-X-KEY:METHOD=AES-128,URI="k?id=1",IV=0xABC\n#EXTINF:6.0,Title\nfile.mp4\n#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2024-02-14T02:14:00.106Z\n#EXTINF:6,\n#EXT-X-BYTERANGE:75232@0\nb.ts?x=1#y\n#EXT-X-ENDLIST\n',
  '#EXTM3U\n#EXT-X-DEFINE:NAME="p",VALUE="d"\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English, x",URI="audio/{$p}.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=2000000,AUDIO="a",CODECS="avc1.4d401f,mp4a.40.2"\nvideo/720.m3u8\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"\n',
  '#EXTM3U\r\n#EXT-X-PART-INF:PART-TARGET=0.33\r\n#EXT-X-PART:DURATION=0.3,URI="p.mp4",INDEPENDENT=YES\r\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="q.mp4"\r\n#EXT-X-RENDITION-REPORT:URI="../r.m3u8",LAST-MSN=2\r\n#EXT-X-SESSION-DATA:DATA-ID="x",URI="l.json"\r\n#EXT-X-DATERANGE:ID="ad",X-ASSET-URI="a.m3u8"\r\n',
];

const DOOR = 'http://127.0.0.1:1/';

const REPLY = 'HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nTransfer-Encoding: chunked\r\n\r\n';

export const TARGETS: readonly FuzzTarget[] = [
  ...TS.map((target) => ({ ...target, seeds: 'ts' as const, words: TS_WORDS, maxBytes: 32 * 1024 })),
  {
    name: 'rewriter',
    seeds: PLAYLISTS,
    words: PLAYLIST_WORDS,
    maxBytes: 8 * 1024,
    run(input) {
      const text = input.toString('utf8');
      isPlaylist(undefined, input, 'http://h.test/a');
      const rewritten = rewritePlaylist(text, {
        baseUrl: 'http://h.test/a/b.m3u8?t=1',
        rewriteUri: () => `${DOOR}x`,
        rewriteData: () => `${DOOR}d`,
      });
      for (const uri of addressesFfmpegSees(Buffer.from(rewritten)))
        must(uri.startsWith(DOOR) || /^(?:skd|urn):/i.test(uri), `FFmpeg would see ${JSON.stringify(uri)}`);
    },
  },
  {
    name: 'playlists',
    seeds: PLAYLISTS,
    words: PLAYLIST_WORDS,
    maxBytes: 8 * 1024,
    run(input) {
      const text = input.toString('utf8');
      readMediaPlaylist(text);
      readMultivariant(text, 'http://h.test/a/b.m3u8');
    },
  },
  {
    name: 'templates',
    seeds: [
      '-i {input_url} -c:v libx264 -preset veryfast -b:v {video_bitrate|2M} -vf "scale=-2:720,format=yuv420p" -c:a aac -f mpegts pipe:1',
      '-fflags +genpts -i {input_url} -filter_complex "[0:v]yadif,split[a][b];[b]null[c];[a][c]overlay[o]" -map [o] -map 0:a? -x264-params keyint=50:scenecut=0 {output_args|}',
      "-hwaccel vaapi -vaapi_device /dev/dri/renderD128 -i '{input_url}' -metadata title=\"a b\" -force_key_frames 'expr:gte(t,n_forced*2)' -f hls index.m3u8",
    ],
    words: [
      ...[
        '-i ',
        '{input_url}',
        '{',
        '}',
        '|',
        "'",
        '"',
        '\\',
        ' -',
        'file:',
        '://',
        'movie=',
        '/etc/passwd',
        '-f concat',
        '-vf ',
        '[in]',
        ';',
        ',',
        '=',
        ':',
        '@',
        '-attach ',
        'pipe:1',
        '\0',
        '\n',
      ],
      ...[
        'drawtext=textfile=',
        'stats=',
        '-x264-params ',
        '-filter_complex ',
        '-y',
        '/dev/dri/',
        '{a|{b}}',
        '-/vf ',
        '$(x)',
        '`',
        'é',
      ],
    ],
    maxBytes: 4 * 1024,
    run(input) {
      const { args } = resolveTranscode({
        profile: `-${input.toString('utf8')}`,
        variables: { video_bitrate: '1M' },
      });
      must(args.filter((arg) => arg === '-i').length === 1, 'another input');
      must(args.at(-1) === 'pipe:1', 'another output');
      must(args[args.indexOf('-i') + 1] === '{input_url}', 'another source');
      const texts = new Set(['-metadata']);
      for (const [at, arg] of args.entries()) {
        must(typeof arg === 'string' && !arg.includes('\0'), 'a NUL');
        if (texts.has(args[at - 1]?.replace(/:.*$/, '') ?? '')) continue;
        must(!arg.includes('://'), `an address: ${arg}`);
        must(!/^\/(?!dev\/dri\/)/.test(arg), `a path: ${arg}`);
        must(
          !/(?:^|[,;\]\s])(?:a?movie|drawtext|subtitles|ass|sendcmd|zmq)\s*[=@]/.test(arg),
          `a filter: ${arg}`,
        );
      }
    },
  },
  {
    name: 'response heads',
    seeds: [
      REPLY,
      'ICY 200 OK\r\nicy-name: x\r\n\r\nabc',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 302 Found\nLocation: /x\n Folded: y\nContent-Length: 5\n\nhello',
    ],
    words: [
      '\r\n',
      '\n',
      '\r',
      '\0',
      ':',
      ' ',
      '\t',
      'HTTP/1.1 200 OK',
      'ICY ',
      'HTTP/1.1 100 ',
      'Content-Length: ',
      'Transfer-Encoding: chunked',
      'Location: ',
      '\r\n\r\n',
      '\xff',
    ],
    maxBytes: 96 * 1024,
    run(input) {
      const parser = new ResponseHeadParser();
      let rest = 0;
      inPieces(input, (piece) => {
        if (!parser.head) rest += parser.push(piece).length;
      });
      must(rest <= input.length, 'more came out than went in');
      if (!parser.head) return;
      const { status, headers } = parser.head;
      must(Number.isInteger(status), 'a status that is no number');
      parseContentRange(headers['content-range']);
      const base = parseTargetUrl('http://u:p@h.test/a?b');
      if (headers.location !== undefined) resolveLocation(headers.location, base);
    },
  },
  {
    name: 'chunks',
    seeds: ['5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n', 'a\n0123456789\n0\n\n'],
    words: ['\r\n', '\n', '0\r\n\r\n', 'ffffffffffff', '1\r\n', ';', '\0', '-1', '0x', ' ', '10000000'],
    maxBytes: 16 * 1024,
    run(input) {
      const decode = (pieces: readonly Buffer[]): string => {
        const decoder = new ChunkedDecoder();
        const out: Buffer[] = [];
        try {
          for (const piece of pieces) out.push(Buffer.from(decoder.accept(Buffer.from(piece))));
        } catch (error) {
          if ((error as { code?: string }).code !== 'UPSTREAM_CUT') throw error;
          return 'broken';
        }
        return `${decoder.complete} ${Buffer.concat(out).toString('latin1')}`;
      };
      const pieces: Buffer[] = [];
      inPieces(input, (piece) => pieces.push(Buffer.from(piece)));
      const whole = decode([input]);
      // Where the framing breaks, what came before it may have been handed out already; whether it broke may not depend on the pieces.
      must(whole === decode(pieces), 'pieces are read in another way than the whole');
    },
  },
  {
    name: 'addresses',
    seeds: ['http://user:pass@host.test:8080/live/a/b/1.ts?token=x#y', '//h.test/a/../b', 'https://[::1]:1/'],
    words: [
      'http://',
      'https://',
      '@',
      ':',
      '/',
      '?',
      '#',
      '[',
      ']',
      '\\',
      '%00',
      '..',
      'file:',
      '\n',
      '\0',
      'é',
      ' ',
    ],
    maxBytes: 4 * 1024,
    run(input) {
      const text = input.toString('utf8');
      const base = parseTargetUrl('http://h.test/a?b');
      for (const read of [() => parseTargetUrl(text), () => resolveLocation(text, base)]) {
        try {
          const { path, hostname } = read();
          must(/^\/[\x21-\x7e]*$/.test(path), `a path that breaks the request line: ${JSON.stringify(path)}`);
          must(/^[\x21-\x7e]+$/.test(hostname), `a host that breaks its header: ${JSON.stringify(hostname)}`);
        } catch (error) {
          if ((error as { code?: string }).code !== 'UPSTREAM_PROTOCOL') throw error;
        }
      }
      redactText(text);
      redactUrl(text);
    },
  },
];
