/** How long the first viewer of a transcoded stream waits for its first picture. See `scripts/bench/coldstart --help`. */
import { parseArgs } from 'node:util';
import { createStream, FakeProvider, makeSample, Player } from '@streampool/testkit';
import { percentilesOf } from './measure/histogram.ts';
import { printTable, say } from './measure/report.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    profiles: { type: 'string', default: 'default,hq,lowlatency,720p,1080p,hevc,audio,low_quality,copy' },
    runs: { type: 'string', default: '5' },
    size: { type: 'string', default: '1280x720' },
    gop: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/coldstart [options]

  --profiles default,…  profiles; copy is a template that copies
  --runs 5              starts per profile and kind of source
  --size 1280x720       picture of the source
  --gop 2               seconds from keyframe to keyframe in the source
  --json                one JSON object on stdout

Measured from the viewer's request (nobody has watched the stream before) to the first packet of its first decodable
picture. Sources: gop start, a connection begins with a keyframe; random, it begins wherever the channel is, so that
half a GOP of waiting for a keyframe is inherent; burst, it begins with the newest keyframe at once; file; HLS.`);
  process.exit();
}

const gopSeconds = Number(values.gop);
const sample = await makeSample({ size: values.size, seconds: 12, gopSeconds, videoKbps: 3_000 });
const movie = await makeSample({
  size: values.size,
  seconds: 30,
  gopSeconds,
  videoKbps: 3_000,
  container: 'mp4',
});
const provider = await FakeProvider.start();
provider.live('/gop-start.ts', sample, { start: 'fresh' });
provider.live('/random.ts', sample, { start: 'live' });
provider.live('/burst.ts', sample, { start: 'keyframe' });
provider.file('/file.mp4', movie.path);
provider.hls('/hls/', sample);
const sources = {
  'gop start': '/gop-start.ts',
  random: '/random.ts',
  burst: '/burst.ts',
  file: '/file.mp4',
  HLS: '/hls/index.m3u8',
};

const COPY = '-i {input_url} -c copy -f mpegts pipe:1';
const server = await startServer();

async function start(profile: string, url: string): Promise<number> {
  const stream = await createStream(server, 'transcode', {
    url,
    profile: profile === 'copy' ? COPY : profile,
  });
  const player = new Player(stream.url);
  try {
    return await player.waitForPicture(30_000);
  } finally {
    await player.close();
    await fetch(`${server.url}/streams/${stream.id}`, { method: 'DELETE' });
  }
}

try {
  const results = [];
  for (const profile of values.profiles.split(','))
    for (const [source, path] of Object.entries(sources)) {
      say(`${profile}, ${source}`);
      const times: number[] = [];
      let failed = 0;
      for (let run = 0; run < Number(values.runs); run++) {
        try {
          times.push(await start(profile, provider.url(`${path}?run=${run}`)));
        } catch (error) {
          failed += 1;
          say(`failed: ${error}`);
        }
      }
      results.push({ profile, source, ...percentilesOf(times), failed });
    }
  if (values.json) console.log(JSON.stringify({ bench: 'coldstart', options: values, results }));
  else
    printTable(
      results.map(({ profile, source, count, p50, max, failed }) => ({
        ...{ profile, source, starts: count, 'median ms': p50, 'worst ms': max, failed },
      })),
    );
} finally {
  await server.stop();
  await provider.close();
}
