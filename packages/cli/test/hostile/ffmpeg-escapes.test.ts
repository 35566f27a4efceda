import { readFile } from 'node:fs/promises';
import { commandLine } from '@streampool/ffmpeg';
import { makeSample, run } from '@streampool/testkit';
import { Door, HttpUpstreamClient } from '@streampool/upstream';
import { answered, type WireServer, wireServer } from './wire-server.ts';

// A provider that wants FFmpeg to go somewhere by itself: each body is one that FFmpeg and a rewriter of playlists may read
// differently, or that a demuxer other than that of playlists would follow. FFmpeg must knock at nothing but the door, which
// may well fetch what a playlist names, under its own name.

let segment: Buffer;
let canary: WireServer;
let door: Door;

beforeAll(async () => {
  segment = await readFile((await makeSample({ seconds: 2, gopSeconds: 1 })).path);
  canary = await wireServer((socket) => socket.end(answered('', 'text/plain', '404 Not Found')));
  const timeouts = { connectMs: 2_000, firstByteMs: 500, stallMs: 1_000 };
  door = await Door.listen({ client: new HttpUpstreamClient(), timeouts });
});
afterAll(async () => {
  await door.close();
  await canary.close();
});

const HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n';
const TAIL = '#EXTINF:2,\nseg.ts\n#EXT-X-ENDLIST\n';

/** By what the escape would be; `C` stands for the canary's URL. */
const BODIES: Readonly<Record<string, string>> = {
  'a segment behind a NUL in a comment': `${HEAD}#EXTINF:2,\n# x\0C/a.ts\n${TAIL}`,
  'a segment behind a NUL in a tag': `${HEAD}#EXTINF:2,\n#EXT-X-UNKNOWN:a\0C/a.ts\n${TAIL}`,
  'a key behind a NUL': `${HEAD}#EXT-X-UNKNOWN\0#EXT-X-KEY:METHOD=AES-128,URI="C/k"\n${TAIL}`,
  'a key behind a value with a space': `${HEAD}#EXT-X-KEY:METHOD=AES-128 URI="C/k"\n${TAIL}`,
  'a key behind an escaped backslash': `${HEAD}#EXT-X-KEY:METHOD=AES-128,X="\\\\"Y=",URI="C/k"\n${TAIL}`,
  'a key behind a backslash at the end': `${HEAD}#EXT-X-KEY:METHOD=AES-128,X="\\",URI="C/k",Y="\n${TAIL}`,
  'a key behind a name that is none': `${HEAD}#EXT-X-KEY:METHOD=AES-128,_="A=",URI="C/k"\n${TAIL}`,
  'a key behind a space after =': `${HEAD}#EXT-X-KEY:METHOD=AES-128,A= "B=c,URI=C/k,"\n${TAIL}`,
  'a key behind a lonely quote': `${HEAD}#EXT-X-KEY:METHOD=AES-128,",URI="C/k"\n${TAIL}`,
  'a map behind a tab': `${HEAD}#EXT-X-MAP:A=b\tURI="C/m"\n${TAIL}`,
  'a rendition behind a vertical tab': `#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n"\v,A=b\vURI="C/r.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"\nseg.m3u8\n`,
  'a segment by another protocol': `${HEAD}#EXTINF:2,\ncrypto+C/a.ts\n${TAIL}`,
  'a segment by async': `${HEAD}#EXTINF:2,\nasync:C/a.ts\n${TAIL}`,
  'a segment by cache': `${HEAD}#EXTINF:2,\ncache:C/a.ts\n${TAIL}`,
  'a segment by concat': `${HEAD}#EXTINF:2,\nconcat:C/a.ts|C/b.ts\n${TAIL}`,
  'a segment by subfile': `${HEAD}#EXTINF:2,\nsubfile,,start,0,end,9,,:C/a.ts\n${TAIL}`,
  'a list of concat': 'ffconcat version 1.0\nfile C/a.ts\n',
  'a list of concat with options': "ffconcat version 1.0\nfile 'a.ts'\noption safe 0\nfile C/a.ts\n",
  'a DASH manifest behind a control byte':
    '\x01<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>C/d.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
  'a DASH manifest':
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>C/d.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>',
  'an SDP description':
    'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video P RTP/AVP 96\na=rtpmap:96 H264/90000\n',
  'a playlist inside data:': `${HEAD}#EXTINF:2,\ndata:application/vnd.apple.mpegurl,%23EXTM3U%0A%23EXT-X-TARGETDURATION:2%0A%23EXTINF:2,%0AC/a.ts%0A%23EXT-X-ENDLIST%0A\n${TAIL}`,
  'a key inside data: that is a playlist': `${HEAD}#EXT-X-MAP:URI="data:text/plain,%23EXTM3U%0A%23EXT-X-TARGETDURATION:2%0A%23EXTINF:2,%0AC/a.ts%0A%23EXT-X-ENDLIST%0A"\n${TAIL}`,
  'a VobSub index':
    '# VobSub index file, v7 (do not modify this line!)\nlangidx: 0\nid: en, index: 0\ntimestamp: 00:00:01:000, filepos: 000000000\n',
};

/** What is answered at a path, the n-th time, all at once or in two parts; undefined: a segment. */
type Provider = (path: string, times: number) => string | readonly string[] | undefined;

/** Lets FFmpeg read through the door, and answers the requests that it made by itself to the canary. */
async function escapes(provide: Provider): Promise<string[]> {
  const asked = new Map<string, number>();
  const provider = await wireServer((socket, head) => {
    const path = head.split(' ')[1] ?? '';
    const times = asked.get(path) ?? 0;
    asked.set(path, times + 1);
    const body = provide(path, times);
    const [first = segment, ...later] = typeof body === 'string' ? [body] : (body ?? []);
    socket.write(answered(first));
    if (later.length === 0) socket.end();
    else setTimeout(() => socket.end(later.join('')), 1_200);
  });
  const before = canary.requests.length;
  const opening = door.open({ url: `${provider.url}/in`, headers: {} });
  const args = commandLine(['-i', '{input_url}', '-c', 'copy', '-f', 'null', '-'], opening.url);
  await run('ffmpeg', ['-v', 'error', ...args], { timeoutMs: 6_000 }).catch(() => {});
  await opening.close();
  await provider.close();
  expect(asked.size).toBeGreaterThan(0);
  return canary.requests.slice(before).filter((head) => head.includes('Lavf'));
}

const named = (text: string): string =>
  text.replaceAll('C/', `${canary.url}/`).replace('video P', `video ${canary.port}`);

test('FFmpeg is not led out by what a provider sends', async () => {
  const found: Record<string, string[]> = {};
  const names = Object.keys(BODIES);
  for (let at = 0; at < names.length; at += 4) {
    await Promise.all(
      names.slice(at, at + 4).map(async (name) => {
        found[name] = await escapes((path) =>
          path === '/in' ? named(BODIES[name]!) : path.endsWith('m3u8') ? HEAD + TAIL : undefined,
        );
      }),
    );
  }
  expect(Object.entries(found).filter(([, heads]) => heads.length > 0)).toEqual([]);
});

test('nor by what it sends the second time, slowly, or under two names', async () => {
  const evil = `${HEAD}#EXTINF:2,\nC/a.ts\n#EXT-X-ENDLIST\n`;
  const found = await Promise.all([
    // A live playlist that is no playlist any more to anybody but FFmpeg, which stops reading a line at a NUL.
    escapes((path, times) =>
      path !== '/in'
        ? undefined
        : times === 0
          ? `${HEAD}#EXTINF:1,\nseg.ts\n`
          : named(evil.replace('#EXTM3U', '#EXTM3U\0GG')),
    ),
    // The header comes in two parts, the second after the door has given up waiting for it.
    escapes((path) => (path === '/in' ? ['#EX', named(evil).slice(3)] : undefined)),
    // The same address is a playlist and a key; keys are passed on as they are.
    escapes((path) =>
      path === '/in'
        ? '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nx.m3u8\n#EXT-X-SESSION-KEY:METHOD=AES-128,URI="x.m3u8"\n'
        : path === '/x.m3u8'
          ? named(evil)
          : undefined,
    ),
    // An address that is cut off where FFmpeg stops reading the line: the port's first digits are another port.
    escapes((path) =>
      path === '/in'
        ? `${HEAD}#EXT-X-KEY:METHOD=AES-128,A="${'a'.repeat(4_037)}",URI="k"\n${TAIL}`
        : undefined,
    ),
  ]);
  expect(found).toEqual([[], [], [], []]);
});

test('a key and a map inside data: addresses work all the same', async () => {
  let asked = 0;
  const provider = await wireServer((socket, head) => {
    asked++;
    if (head.startsWith('GET /in')) {
      const data = `data:video/mp2t;base64,${segment.subarray(0, 188 * 2).toString('base64')}`;
      socket.end(answered(`${HEAD}#EXT-X-MAP:URI="${data}"\n${TAIL}`));
    } else socket.end(answered(segment));
  });
  const opening = door.open({ url: `${provider.url}/in`, headers: {} });
  const args = commandLine(['-i', '{input_url}', '-c', 'copy', '-f', 'null', '-'], opening.url);
  const { code } = await run('ffmpeg', ['-v', 'error', ...args]);
  expect(code).toBe(0);
  expect(asked).toBe(2);
  await opening.close();
  await provider.close();
});
