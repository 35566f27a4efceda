/**
 * What a viewer with a provider connection of its own costs: an unthrottled source, and many live ones. Streampool
 * beside nginx. See `scripts/bench/passthrough --help`.
 */
import { parseArgs } from 'node:util';
import { createStream, type SampleOptions } from '@streampool/testkit';
import { AudienceProcess } from './load/audience-process.ts';
import { printTable, type Row, say } from './measure/report.ts';
import { type RunResult, runAudience } from './measure/run.ts';
import { Nginx } from './servers/nginx.ts';
import { ProviderProcess } from './servers/provider-process.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    'at-once': { type: 'string', default: '1,8,64' },
    live: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '10' },
    'source-tick': { type: 'string', default: '20' },
    'no-nginx': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/passthrough [options]

  --at-once 1,8,64   viewers of an unthrottled source at once
  --live 500         viewers of a live source at 4 Mbit/s (0 leaves it out)
  --seconds 10       how long each is measured
  --source-tick 20   ms between two writes of the live source
  --no-nginx         leave nginx out
  --json             one JSON object on stdout`);
  process.exit();
}

const sample: SampleOptions = {
  ...{ codec: 'h264', constantRate: true, bFrames: 0, seconds: 24, gopSeconds: 2, size: '1280x720' },
  ...{ videoKbps: 3_700, audio: [{ kbps: 128 }] },
};
const provider = await ProviderProcess.start({
  sample,
  live: [{ paths: ['/live.ts'], options: { stamps: true, tickMs: Number(values['source-tick']) } }],
  endless: { path: '/endless.ts', sample: { ...sample, seconds: 2 } },
});
const audience = new AudienceProcess();
const seconds = Number(values.seconds);

const unthrottled = values['at-once']
  .split(',')
  .filter(Boolean)
  .map((viewers) => ({
    load: `${viewers} unthrottled`,
    path: '/endless.ts',
    viewers: Number(viewers),
    live: false,
  }));
const live = Number(values.live);
const loads = [
  ...unthrottled,
  ...(live > 0 ? [{ load: `${live} live × 4 Mbit/s`, path: '/live.ts', viewers: live, live: true }] : []),
];

interface Measured extends RunResult {
  readonly server: string;
  readonly load: string;
  readonly upstreamConnections: number;
}

async function measure(name: string, load: (typeof loads)[number]): Promise<Measured> {
  say(`${name}: ${load.load}`);
  const server = name === 'nginx' ? await Nginx.start(provider.port) : await startServer();
  try {
    const url =
      server instanceof Nginx
        ? server.url(load.path)
        : (await createStream(server, 'streams', { url: provider.url(load.path) })).url;
    let upstreamConnections = 0;
    const result = await runAudience(audience, {
      ...{ pid: server.pid, workers: server instanceof Nginx, urls: [url], viewers: load.viewers, seconds },
      ...{ connectPerSecond: 250, http: '1.0', joiners: 0, check: load.live, probes: load.live ? 10 : 0 },
      onSteady: async () => {
        upstreamConnections = await provider.connections();
      },
    });
    return { ...result, server: name, load: load.load, upstreamConnections };
  } finally {
    await (server instanceof Nginx ? server.close() : server.stop());
  }
}

function row(result: Measured): Row {
  return {
    load: result.load,
    server: result.server,
    'Gbit/s': (result.gigabytes * 8) / result.seconds,
    'CPU-s/GB': result.cpuSecondsPerGb,
    'core %': result.cpuShare * 100,
    'others %': result.foreignCpuShare * 100,
    'KB/viewer': result.rssPerViewer / 1e3,
    'TCP MB': result.tcpBytes / 1e6,
    'delay p99 ms': result.probeDelay.count > 0 ? result.probeDelay.p99 : undefined,
    dropped: result.audience.dropped,
    errors: result.audience.syncErrors + result.audience.continuityErrors + result.audience.timestampErrors,
    upstreams: result.upstreamConnections,
  };
}

try {
  const results: Measured[] = [];
  for (const load of loads)
    for (const server of values['no-nginx'] ? ['streampool'] : ['streampool', 'nginx'])
      results.push(await measure(server, load));
  if (values.json) console.log(JSON.stringify({ bench: 'passthrough', options: { seconds }, results }));
  else printTable(results.map(row));
} finally {
  await audience.close();
  await provider.close();
}
