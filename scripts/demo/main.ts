/** `scripts/start --demo`: Streampool with a local provider and two streams of it, and what to paste to watch them. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endsWithParent } from '@streampool/testkit';
import { DemoProvider } from './provider.ts';

const command = fileURLToPath(new URL('../../packages/cli/bin/streampool', import.meta.url));
const port = process.env.PORT || '8085';
const base = `http://127.0.0.1:${port}${process.env.ROOT_PATH ?? ''}`;

const provider = new DemoProvider();
const [program, ...args] = endsWithParent([process.execPath, command, 'serve', ...process.argv.slice(2)]);
const server = spawn(program, args, {
  env: { LOG_LEVEL: 'warn', ...process.env, PORT: port },
  stdio: ['inherit', 'ignore', 'inherit'], // its greeting would stand beside ours; logs go to stderr
});
let stopping = false;
const stop = (): void => {
  stopping = true;
  server.kill('SIGTERM'); // a second time is harmless: Ctrl-C reaches the server, too
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
process.on('SIGHUP', stop);
process.on('exit', () => server.kill('SIGKILL'));
server.on('exit', (code) => {
  provider.close();
  process.exitCode = stopping ? 0 : (code ?? 1);
});

try {
  const channel = await provider.start();
  await ready();
  // Shared, so that every player is given a keyframe first: of a direct one it gets what the provider happens to send.
  const proxied = await create('streams', {
    url: channel,
    shared: true,
    metadata: { name: 'Demo, proxied' },
  });
  const transcoded = await create('transcode', {
    url: channel,
    profile: 'default',
    profile_variables: { video_bitrate: '1500k' },
    metadata: { name: 'Demo, transcoded' },
  });
  console.log(`
Streampool is running at ${base} (API: ${base}/docs)

A test picture with a running clock, from a provider on this machine:

  proxied     ${proxied}
  transcoded  ${transcoded}

Paste one of these:

  ffplay ${transcoded}
  mpv ${transcoded}
  vlc ${proxied}
  curl -s ${proxied} | ffmpeg -v error -i - -t 5 -c copy -y demo.ts

Everybody who watches the proxied one shares one connection to the provider, everybody who watches the transcoded one
shares one FFmpeg: try several players at once, and ${base}/stats

Ctrl-C stops everything.
`);
} catch (error) {
  if (!stopping) {
    console.error(`demo: ${error instanceof Error ? error.message : error}`);
    stop();
    server.once('exit', () => {
      process.exitCode = 1;
    });
  }
}

async function ready(): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (server.exitCode === null && performance.now() < deadline) {
    const answer = await fetch(`${base}/readyz`).catch(() => undefined);
    if (answer?.ok && server.exitCode === null) return;
    await delay(100);
  }
  throw new Error(`Streampool did not get ready on port ${port}`);
}

async function create(kind: string, body: object): Promise<string> {
  const token = process.env.API_TOKEN;
  const response = await fetch(`${base}/${kind}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { 'x-api-token': token } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST /${kind} answered ${response.status}: ${await response.text()}`);
  const { stream_id } = (await response.json()) as { stream_id: string };
  return `${base}/stream/${stream_id}`;
}
