/** What one stalled viewer and one slow one do to all the others: nothing, it should be. See `scripts/bench/stalled --help`. */
import { parseArgs } from 'node:util';
import { createStream } from '@streampool/testkit';
import { AudienceProcess } from './load/audience-process.ts';
import { printComparison, type Row, say } from './measure/report.ts';
import { type RunResult, runAudience } from './measure/run.ts';
import { ProviderProcess } from './servers/provider-process.ts';
import { startServer } from './servers/streampool.ts';

const { values } = parseArgs({
  options: {
    viewers: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    'client-timeout': { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(`scripts/bench/stalled [options]

  --viewers 200         viewers that read
  --seconds 20          how long each run is measured
  --client-timeout 60   CLIENT_TIMEOUT in seconds: longer than the run, so that the stalled viewer stays
  --json                one JSON object on stdout

Two runs on a server of their own each: without, and with one viewer that stops reading after the head and one that
reads at a tenth of the rate.`);
  process.exit();
}

const MBIT = 4;
const viewers = Number(values.viewers);
const provider = await ProviderProcess.start({
  sample: {
    ...{ codec: 'h264', constantRate: true, bFrames: 0, seconds: 24, gopSeconds: 2, size: '1280x720' },
    ...{ videoKbps: MBIT * 925, audio: [{ kbps: 128 }] },
  },
  live: [{ paths: ['/live.ts'], options: { start: 'keyframe', stamps: true } }],
});

async function measure(troubled: boolean): Promise<RunResult> {
  say(troubled ? 'with a stalled and a slow viewer' : 'without');
  const server = await startServer({ CLIENT_TIMEOUT: values['client-timeout'] });
  const audience = new AudienceProcess();
  const trouble = new AudienceProcess();
  try {
    const { url } = await createStream(server, 'streams', { url: provider.url('/live.ts'), shared: true });
    const urls = [url];
    return await runAudience(audience, {
      ...{
        pid: server.pid,
        urls,
        viewers,
        connectPerSecond: 200,
        seconds: Number(values.seconds),
        joiners: 10,
      },
      onSteady: async () => {
        if (!troubled) return;
        await trouble.connect({ urls, count: 1, perSecond: 1, stalled: true });
        await trouble.connect({ urls, count: 1, perSecond: 1, bytesPerSecond: (MBIT * 1e6) / 8 / 10 });
      },
    });
  } finally {
    await Promise.all([audience.close(), trouble.close()]);
    await server.stop();
  }
}

function row(name: string, result: RunResult): Row {
  return {
    run: name,
    viewers: result.viewers,
    'delay p50 ms': result.probeDelay.p50,
    'delay p99 ms': result.probeDelay.p99,
    'delay p99 ms at the audience': result.delay.p99,
    'longest gap ms': result.longestGapMs,
    'first picture p99 ms': result.firstPicture.p99,
    'CPU-s/GB': result.cpuSecondsPerGb,
    'other processes core %': result.foreignCpuShare * 100,
    'RSS MB': result.rssBytes / 1e6,
    dropped: result.audience.dropped,
    errors: result.audience.syncErrors + result.audience.continuityErrors + result.audience.timestampErrors,
  };
}

try {
  const without = await measure(false);
  const troubled = await measure(true);
  if (values.json) console.log(JSON.stringify({ bench: 'stalled', options: values, without, troubled }));
  else printComparison([row('without', without), row('with', troubled)]);
} finally {
  await provider.close();
}
