/**
 * How many viewers one stream (or many streams) can have, at what cost: Streampool beside nginx with the same source
 * and the same verified viewers. See `scripts/bench/fanout --help`.
 */
import { parseArgs } from 'node:util';
import { createStream, ffmpegsOf, metric, Player, type SampleOptions } from '@streampool/testkit';
import { AudienceProcess } from './load/audience-process.ts';
import { printComparison, type Row, say } from './measure/report.ts';
import { type RunResult, runAudience } from './measure/run.ts';
import { Floor } from './servers/floor.ts';
import { Nginx } from './servers/nginx.ts';
import { ProviderProcess } from './servers/provider-process.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    viewers: { type: 'string', default: '1000' },
    mbit: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '20' },
    interval: { type: 'string', default: '100' },
    streams: { type: 'string', default: '1' },
    'viewers-per-stream': { type: 'string' },
    shared: { type: 'boolean', default: false },
    'source-tick': { type: 'string', default: '20' },
    'connect-per-second': { type: 'string', default: '500' },
    'no-nginx': { type: 'boolean', default: false },
    floor: { type: 'boolean', default: false },
    'no-check': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/fanout [options]

  --viewers 1000          viewers of the one stream
  --mbit 4                rate of a stream in Mbit/s
  --seconds 20            how long it is measured
  --interval 100          DELIVERY_INTERVAL_MS of the server
  --streams 1             several streams: shared direct ones, without FFmpeg
  --viewers-per-stream 5  with --streams
  --shared                one shared direct stream in place of one FFmpeg
  --source-tick 20        ms between two writes of the source
  --connect-per-second 500
  --no-nginx              leave nginx out
  --floor                 also measure a bare loop that writes one buffer to every socket: the least Node can do here
  --no-check              the audience counts bytes only (joiners and probes still check)
  --json                  one JSON object on stdout

The pool's FFmpeg copies (\`-c copy\`), so that two cores suffice: the fan-out is what is measured.
The source stamps what it sends with the host's monotonic clock; a viewer's delay is the age of a stamp at its arrival,
through the provider's socket, the server, FFmpeg and the viewer's socket.`);
  process.exit();
}

const streams = Number(values.streams);
const viewers = streams > 1 ? streams * Number(values['viewers-per-stream'] ?? 5) : Number(values.viewers);
const shared = values.shared || streams > 1;
const mbit = Number(values.mbit);
const paths = Array.from({ length: streams }, (_, index) => `/live/${index}.ts`);
const COPY = '-probesize 500000 -i {input_url} -map 0 -copy_unknown -c copy -f mpegts pipe:1';

/** Node's histogram of the event loop holds the time between two looks at the clock, which are this far apart at best. */
const LOOP_RESOLUTION_MS = 10;

const sample: SampleOptions = {
  ...{ codec: 'h264', constantRate: true, bFrames: 0, seconds: 24, gopSeconds: 2, size: '1280x720' },
  // The rest is sound and packet headers.
  ...{ videoKbps: Math.round(mbit * 1_000 * 0.925), audio: [{ kbps: 128 }] },
};
const provider = await ProviderProcess.start({
  sample,
  live: [{ paths, options: { start: 'keyframe', stamps: true, tickMs: Number(values['source-tick']) } }],
});
const audience = new AudienceProcess();
const plan = {
  viewers,
  seconds: Number(values.seconds),
  connectPerSecond: Number(values['connect-per-second']),
  joiners: Math.min(100, Number(values.seconds) * 5),
  check: !values['no-check'],
};

interface Measured extends RunResult {
  readonly server: string;
  readonly ffmpegs: number;
  readonly upstreamConnections: number;
  readonly eventLoopP99Ms?: number;
}

async function measureStreampool(): Promise<Measured> {
  say(
    `streampool: ${viewers} viewers × ${mbit} Mbit/s, ${streams} stream(s), ${shared ? 'shared' : 'one FFmpeg'}`,
  );
  const server = await startServer({ DELIVERY_INTERVAL_MS: values.interval });
  try {
    const urls: string[] = [];
    for (const path of paths) {
      const url = provider.url(path);
      const stream = shared
        ? await createStream(server, 'streams', { url, shared: true })
        : await createStream(server, 'transcode', { url, profile: COPY });
      urls.push(stream.url);
    }
    // What a pool costs without its audience is not the audience's.
    const first = urls.map((url) => new Player(url));
    await Promise.all(first.map((player) => player.waitForPicture(20_000)));
    let ffmpegs = 0;
    let upstreamConnections = 0;
    const result = await runAudience(audience, {
      ...plan,
      ...{ pid: server.pid, urls },
      onSteady: async () => {
        await metric(server, 'nodejs_eventloop_lag_p99_seconds'); // a scrape begins a new window
        ffmpegs = ffmpegsOf(server.pid).length;
        upstreamConnections = await provider.connections();
      },
    });
    const lag = await metric(server, 'nodejs_eventloop_lag_p99_seconds');
    await Promise.all(first.map((player) => player.close()));
    return {
      ...result,
      ...{ server: 'streampool', ffmpegs, upstreamConnections },
      ...(lag === undefined ? {} : { eventLoopP99Ms: Math.max(0, lag * 1_000 - LOOP_RESOLUTION_MS) }),
    };
  } finally {
    await server.stop();
  }
}

async function measureNginx(): Promise<Measured> {
  say('nginx: proxy_buffering off, the same source, the same viewers');
  const nginx = await Nginx.start(provider.port);
  try {
    let upstreamConnections = 0;
    const result = await runAudience(audience, {
      ...plan,
      ...{ pid: nginx.pid, workers: true, http: '1.0', urls: paths.map((path) => nginx.url(path)) },
      onSteady: async () => {
        upstreamConnections = await provider.connections();
      },
    });
    return { ...result, server: 'nginx', ffmpegs: 0, upstreamConnections };
  } finally {
    await nginx.close();
  }
}

async function measureFloor(): Promise<Measured> {
  say('floor: one buffer, written to every socket');
  const floor = await Floor.start({ sample, intervalMs: Number(values.interval) });
  try {
    const bare = { joiners: 0, probes: 0, check: false };
    const result = await runAudience(audience, { ...plan, ...bare, pid: floor.pid, urls: [floor.url] });
    return { ...result, server: 'floor', ffmpegs: 0, upstreamConnections: 0 };
  } finally {
    await floor.close();
  }
}

function row(result: Measured): Row {
  return {
    server: result.server,
    viewers: result.viewers,
    'Gbit/s': (result.gigabytes * 8) / result.seconds,
    'CPU-s/GB': result.cpuSecondsPerGb,
    'FFmpeg CPU-s/GB': result.childrenCpuSecondsPerGb,
    'core %': result.cpuShare * 100,
    'audience core %': result.audienceCpuShare * 100,
    'other processes core %': result.foreignCpuShare * 100,
    'RSS MB': result.rssBytes / 1e6,
    'KB/viewer': result.rssPerViewer / 1e3,
    'TCP MB': result.tcpBytes / 1e6,
    'first picture p50 ms': result.firstPicture.p50,
    'first picture p99 ms': result.firstPicture.p99,
    'delay p50 ms': result.probeDelay.p50,
    'delay p99 ms': result.probeDelay.p99,
    'delay p99 ms at the audience': result.delay.p99,
    'longest gap ms': result.longestGapMs,
    'event loop p99 ms': result.eventLoopP99Ms,
    dropped: result.audience.dropped + result.joinersFailed,
    'sync errors': result.audience.syncErrors,
    'continuity errors': result.audience.continuityErrors,
    'time errors': result.audience.timestampErrors,
    'undecodable starts': result.audience.undecodableStarts,
    'FFmpeg processes': result.ffmpegs,
    'upstream connections': result.upstreamConnections,
  };
}

try {
  const results = [await measureStreampool()];
  if (!values['no-nginx']) results.push(await measureNginx());
  if (values.floor) results.push(await measureFloor());
  const ours = results[0];
  const nginx = results.find(({ server }) => server === 'nginx');
  const ratio = nginx && ours ? ours.cpuSecondsPerGb / nginx.cpuSecondsPerGb : undefined;
  if (values.json) {
    const options = {
      viewers,
      mbit,
      streams,
      shared,
      seconds: plan.seconds,
      intervalMs: Number(values.interval),
    };
    console.log(JSON.stringify({ bench: 'fanout', options, results, cpuRatioToNginx: ratio }));
  } else {
    printComparison(results.map(row));
    if (ratio !== undefined) console.log(`\nCPU per GB: ${ratio.toFixed(2)} of nginx's`);
    for (const result of results)
      for (const note of result.audience.notes) console.log(`${result.server}: ${note}`);
  }
} finally {
  await audience.close();
  await provider.close();
}
