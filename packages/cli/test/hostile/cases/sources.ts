import { randomBytes } from 'node:crypto';

const HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n';
const END = '#EXT-X-ENDLIST\n';
const named = (uri: string): string => `${HEAD}#EXTINF:2,\n${uri}\n${END}`;

/** Playlists of a provider outside. `C` is the canary, `F` a file. What they name must not be reached. */
export const PLAYLISTS: Readonly<Record<string, string>> = {
  'a segment inside': named('http://C/a.ts'),
  'a segment inside without a scheme': named('//C/a.ts'),
  'a segment inside by a name': named('http://inside.test:P/a.ts'),
  'a segment inside by a number': named('http://2130706433:P/a.ts'),
  'a segment inside by IPv6': named('http://[::ffff:127.0.0.1]:P/a.ts'),
  'a segment with a login': named('http://outside.test@C/a.ts'),
  'a segment of metadata': named('http://169.254.169.254/latest/meta-data/'),
  'a segment behind a redirect': named('http://outside.test:O/to?http://C/'),
  'a key inside': `${HEAD}#EXT-X-KEY:METHOD=AES-128,URI="http://C/k"\n#EXTINF:2,\nseg.ts\n${END}`,
  'a key behind a space': `${HEAD}#EXT-X-KEY:METHOD=AES-128 URI="http://C/k"\n#EXTINF:2,\nhttp://C/a.ts\n${END}`,
  'a key behind a NUL': `${HEAD}# \0#EXT-X-KEY:METHOD=AES-128,URI="http://C/k"\n#EXTINF:2,\n#\0http://C/a.ts\n${END}`,
  'a map inside': `${HEAD}#EXT-X-MAP:URI="http://C/m"\n#EXTINF:2,\nhttp://C/a.ts\n${END}`,
  'a playlist inside': '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://C/a.m3u8\n',
  'a rendition inside':
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="http://C/a.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nhttp://C/b.m3u8\n',
  'a playlist that names itself': '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8\n',
  'a file': named('file://F'),
  'a file by concat': named('concat:F'),
  'a file by subfile': named('subfile,,start,0,end,9,,:F'),
  'a pipe': named('pipe:0'),
  'crypto over a file': named('crypto:F'),
  'a playlist inside data:':
    '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ndata:application/vnd.apple.mpegurl,%23EXTM3U\n',
  'a variable that is inside': `#EXTM3U\n#EXT-X-DEFINE:NAME="h",VALUE="C"\n${named('http://{$h}/a.ts').slice(8)}`,
  'no segment': `${HEAD}${END}`,
  'a line that never ends': `${HEAD}#EXTINF:2,${'a'.repeat(1_000_000)}\n${END}`,
  'a sequence number beyond all numbers': `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${'9'.repeat(400)}\n#EXT-X-TARGETDURATION:-1\n#EXTINF:nan,\nhttp://C/a.ts\n${END}`,
  'a hundred thousand segments inside': `${HEAD}${'#EXTINF:2,\nhttp://C/a.ts\n'.repeat(100_000)}${END}`,
};

function packets(count: number, fill: (packet: Buffer, index: number) => void): Buffer {
  const all = Buffer.alloc(188 * count, 0xff);
  for (let i = 0; i < count; i++) {
    const packet = all.subarray(i * 188, (i + 1) * 188);
    packet[0] = 0x47;
    fill(packet, i);
  }
  return all;
}

const section = (pid: number, bytes: readonly number[]) => (packet: Buffer, i: number) => {
  packet.writeUInt16BE(0x4000 | pid, 1);
  packet[3] = 0x10 | (i & 15);
  packet[4] = 0;
  packet.set(bytes, 5);
};

const PAT = [0x00, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xe1, 0, 0xe8, 0xf9, 0x5e, 0x7d];

/** Bodies that say they are transport streams. */
export const TRANSPORT_STREAMS: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from([0x47]),
  noise: randomBytes(200_000),
  zeros: Buffer.alloc(200_000),
  'sync bytes only': Buffer.alloc(200_000, 0x47),
  'null packets only': packets(1_000, (p) => p.set([0x1f, 0xff, 0x10], 1)),
  'packets that are scrambled': packets(1_000, (p) => p.set([0x01, 0x00, 0xd0], 1)),
  'packets in error': packets(1_000, (p) => p.set([0x80, 0x00, 0x10], 1)),
  'adaptation fields longer than packets': packets(1_000, (p) => p.set([0x41, 0x00, 0x30, 0xff, 0xff], 1)),
  'a PAT that is longer than it is': packets(1_000, section(0, [0x00, 0xbf, 0xff])),
  'a PAT of length zero': packets(1_000, section(0, [0x00, 0xb0, 0x00])),
  'a PAT whose pointer leads out': packets(1_000, (p, i) => {
    section(0, PAT)(p, i);
    p[4] = 0xff;
  }),
  'a PAT without a PMT': packets(1_000, section(0, PAT)),
  'a PMT that is the PAT': packets(1_000, section(0, [...PAT.slice(0, 10), 0xe0, 0, 0, 0, 0, 0])),
  'a PMT with descriptors longer than it': packets(1_000, (p, i) =>
    i % 2
      ? section(0x100, [0x02, 0xb0, 0x17, 0, 1, 0xc1, 0, 0, 0xe1, 1, 0xff, 0xff])(p, i)
      : section(0, PAT)(p, i),
  ),
  'a page': Buffer.from('<html><body>Your account has expired</body></html>'),
  'a JPEG': Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(50_000)]),
  'a bomb': Buffer.concat([Buffer.from('1f8b0800000000000003', 'hex'), randomBytes(1_000)]),
};

/** Answers that are no HTTP, or hardly. */
export const RESPONSES: Readonly<Record<string, string>> = {
  'nothing at all': '',
  noise: '\xff\x00\xfe'.repeat(1_000),
  'a status that is none': 'HTTP/1.1 xyz OK\r\n\r\n',
  'a status beyond all': 'HTTP/1.1 99999 OK\r\n\r\n',
  'a head without end': `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(300_000)}`,
  'headers without end': `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}`,
  'interim answers without end': 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(5_000),
  'a length that is none': 'HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n',
  'chunks that are none': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
  'a chunk without end': `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'1'.repeat(100_000)}`,
  'a gzip that is none': 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nnot gzip!',
  'a coding that is unknown':
    'HTTP/1.1 200 OK\r\nContent-Encoding: zstd-x\r\nContent-Length: 5\r\n\r\n\x01\x02\x03\x04\x05',
  'a redirect to itself': 'HTTP/1.1 302 Found\r\nLocation: \r\n\r\n',
  'an upgrade': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n',
};
