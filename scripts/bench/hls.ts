/**
 * What many HLS viewers of one channel cost, and what the provider sees of them: our proxy of the provider's HLS and our
 * own segments of a transport stream, beside nginx with a cache. See `scripts/bench/hls --help`.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createStream, type SampleOptions } from '@streampool/testkit';
import type { HlsAudienceReport, HlsLoad } from './load/hls-audience.ts';
import { HlsAudienceProcess } from './load/hls-audience-process.ts';
import { printTable, type Row, say } from './measure/report.ts';
import { hostUsage, usageOf } from './measure/usage.ts';
import { HlsProviderProcess } from './servers/hls-provider.ts';
import type { HlsProviderCounts } from './servers/hls-provider-main.ts';
import { Nginx } from './servers/nginx.ts';
import { startServer } from './servers/streampool.ts';

const SERVERS = ['streampool proxy', 'nginx', 'streampool segments'] as const;
type ServerName = (typeof SERVERS)[number];

const { values } = parseArgs({
  options: {
    viewers: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '12' },
    'saturation-seconds': { type: 'string', default: '5' },
    kbps: { type: 'string', default: '2000' },
    server: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/hls [options]

  --viewers 300            viewers of one live channel in segments of 2 s
  --seconds 12             how long they are measured
  --saturation-seconds 5   how long playlists, and then segments, are asked for without a pause (0 leaves it out)
  --kbps 2000              rate of the channel
  --server <name>          one of ${SERVERS.map((name) => `"${name}"`).join(', ')}; several by repeating it, all by default
  --json                   one JSON object on stdout

nginx: proxy_cache with proxy_cache_lock, playlists for a second. Every viewer's segments are checked, and a clock for each
counts when its picture would have stood still. The exit code is 1 when the provider saw more than one viewer's worth of
requests, or a viewer an error or a stall.`);
  process.exit();
}

const sample: SampleOptions = {
  ...{ codec: 'h264', constantRate: true, bFrames: 0, seconds: 12, gopSeconds: 2, size: '640x360' },
  ...{ videoKbps: Number(values.kbps) - 100, audio: [{ kbps: 64 }] },
};
const provider = await HlsProviderProcess.start({ sample, segmentSeconds: 2 });
const audience = new HlsAudienceProcess();

interface Measured {
  readonly server: ServerName;
  readonly load: string;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly gigabitsPerSecond: number;
  readonly cpuSecondsPer1000Requests: number;
  readonly cpuSecondsPerGb: number | undefined;
  /** Shares of one core: the server's, the audience's (near 1, it is the bottleneck), and of what is none of ours. */
  readonly cpuShare: number;
  readonly audienceCpuShare: number;
  readonly foreignCpuShare: number;
  readonly rssBytes: number;
  readonly audience: HlsAudienceReport;
  readonly provider: HlsProviderCounts;
}

interface Server {
  readonly pid: number;
  readonly url: string;
  close(): Promise<unknown>;
}

async function start(name: ServerName): Promise<Server> {
  if (name === 'nginx') {
    const nginx = await Nginx.start(provider.port, { cache: true });
    return { pid: nginx.pid, url: nginx.url('/hls/index.m3u8'), close: () => nginx.close() };
  }
  const server = await startServer();
  const source =
    name === 'streampool proxy'
      ? { url: provider.url('/hls/index.m3u8') }
      : { url: provider.url('/live.ts'), shared: true };
  const { id } = await createStream(server, 'streams', source);
  return { pid: server.pid, url: `${server.url}/hls/${id}/playlist.m3u8`, close: () => server.stop() };
}

async function measure(name: ServerName, server: Server, load: HlsLoad, seconds: number): Promise<Measured> {
  const withChildren = name === 'nginx';
  await audience.start(load);
  await delay(load.kind === 'watch' ? 7_000 : 1_000);
  await audience.reset();
  await provider.watch();
  const [own, clients, host] = [
    usageOf(server.pid, { withChildren }),
    usageOf(audience.pid),
    hostUsage(process.pid),
  ];
  await delay(seconds * 1_000);
  const [ownEnd, clientsEnd, hostEnd] = [
    usageOf(server.pid, { withChildren }),
    usageOf(audience.pid),
    hostUsage(process.pid),
  ];
  const report = await audience.report();
  const counts = await provider.look();
  await audience.stop();

  const lasted = (ownEnd.atMs - own.atMs) / 1_000;
  const cpu = ownEnd.cpuSeconds - own.cpuSeconds;
  const requests = report.playlists + report.segments;
  return {
    ...{ server: name, load: load.kind === 'watch' ? `${load.viewers} viewers` : `${load.kind}, saturated` },
    ...{
      seconds: lasted,
      requestsPerSecond: requests / lasted,
      cpuSecondsPer1000Requests: (cpu * 1_000) / requests,
    },
    gigabitsPerSecond: (report.bytes * 8) / 1e9 / lasted,
    cpuSecondsPerGb: load.kind === 'playlists' ? undefined : cpu / (report.bytes / 1e9),
    cpuShare: cpu / lasted,
    audienceCpuShare: (clientsEnd.cpuSeconds - clients.cpuSeconds) / lasted,
    foreignCpuShare: Math.max(
      0,
      (hostEnd.busySeconds - host.busySeconds - (hostEnd.ownSeconds - host.ownSeconds)) / lasted,
    ),
    ...{ rssBytes: ownEnd.rssBytes, audience: report, provider: counts },
  };
}

/** What is not as promised, of the viewers' load. */
function failuresOf({ server, seconds, audience: seen, provider: asked }: Measured): string[] {
  if (server === 'nginx') return [];
  const worth =
    server === 'streampool proxy'
      ? { playlists: seconds + 2, segments: seconds / 2 + 2 }
      : { playlists: 0, segments: 0 };
  return [
    ...(seen.errors > 0 ? [`${seen.errors} errors, the last: ${seen.lastError}`] : []),
    ...(seen.stalls > 0 ? [`${seen.stalls} stalls of ${Math.round(seen.stalledMs)} ms in all`] : []),
    ...(seen.missed > 0 ? [`${seen.missed} segments missed`] : []),
    ...(asked.mostOfASegment > 1 ? [`a segment was asked for ${asked.mostOfASegment} times`] : []),
    ...(asked.playlists > worth.playlists ? [`${asked.playlists} playlists in ${seconds.toFixed(1)} s`] : []),
    ...(asked.segments > worth.segments ? [`${asked.segments} segments in ${seconds.toFixed(1)} s`] : []),
    ...(server === 'streampool segments' && asked.streams !== 1
      ? [`${asked.streams} connections to the stream`]
      : []),
  ].map((what) => `${server}: ${what}`);
}

function row(result: Measured): Row {
  const { audience: seen, provider: asked } = result;
  return {
    ...{ load: result.load, server: result.server, 'requests/s': Math.round(result.requestsPerSecond) },
    ...{ 'Gbit/s': result.gigabitsPerSecond, 'CPU-s/1,000': result.cpuSecondsPer1000Requests },
    ...{ 'CPU-s/GB': result.cpuSecondsPerGb, 'core %': result.cpuShare * 100 },
    ...{ 'audience %': result.audienceCpuShare * 100, 'others %': result.foreignCpuShare * 100 },
    ...{ 'MB RSS': result.rssBytes / 1e6, 'p99 ms': Math.max(seen.playlistMs.p99, seen.segmentMs.p99) },
    ...{ stalls: seen.stalls, errors: seen.errors, 'asked for playlists': asked.playlists },
    ...{ segments: asked.segments, 'most of one': asked.mostOfASegment, connections: asked.mostConnections },
  };
}

try {
  const results: Measured[] = [];
  const saturation = Number(values['saturation-seconds']);
  for (const name of (values.server ?? SERVERS) as ServerName[]) {
    if (!SERVERS.includes(name)) throw new Error(`there is no server ${name}`);
    const server = await start(name);
    try {
      const { url } = server;
      const loads: [HlsLoad, number][] = [
        [{ url, viewers: Number(values.viewers), kind: 'watch' }, Number(values.seconds)],
      ];
      if (saturation > 0)
        loads.push(
          [{ url, viewers: 64, kind: 'playlists' }, saturation],
          [{ url, viewers: 16, kind: 'segments' }, saturation],
        );
      for (const [load, seconds] of loads) {
        say(`${name}: ${load.kind}, ${load.viewers} connections`);
        results.push(await measure(name, server, load, seconds));
      }
    } finally {
      await server.close();
    }
  }
  const failures = results.filter(({ load }) => load.endsWith('viewers')).flatMap(failuresOf);
  const options = { viewers: Number(values.viewers), kbps: Number(values.kbps) };
  if (values.json)
    console.log(JSON.stringify({ bench: 'hls', ok: failures.length === 0, failures, options, results }));
  else {
    printTable(results.map(row));
    for (const failure of failures) console.log(failure);
  }
  process.exitCode = failures.length > 0 ? 1 : 0;
} finally {
  await audience.close();
  await provider.close();
}
