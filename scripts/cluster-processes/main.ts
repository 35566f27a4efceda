import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isRunning, type RunningNode, readClusterFile } from './cluster-file.ts';
import { up } from './up.ts';

const USAGE = `scripts/cluster up [--gateways <n>] [--workers <n>] [--port <first port>]
scripts/cluster status
scripts/cluster down
`;
/** Longer than a node's own SHUTDOWN_TIMEOUT and its end by force. */
const DOWN_MS = 40_000;

function fail(message: string): never {
  process.stderr.write(`streampool: ${message}\n${USAGE}`);
  process.exit(2);
}

function count(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    fail(`--${name} is a number from ${least} to ${most}`);
  return value;
}

async function status(): Promise<number> {
  const cluster = await readClusterFile();
  if (!cluster || !isRunning(cluster.pid)) {
    process.stdout.write('no cluster runs here\n');
    return 1;
  }
  const row = ({ id, pid, url }: RunningNode): string =>
    `${id.padEnd(12)} ${isRunning(pid) ? 'running' : 'ended  '} ${String(pid).padStart(8)}  ${url}\n`;
  process.stdout.write([...cluster.gateways, ...cluster.workers].map(row).join(''));
  return 0;
}

async function down(): Promise<number> {
  const cluster = await readClusterFile();
  if (!cluster || !isRunning(cluster.pid)) return 0;
  process.kill(cluster.pid, 'SIGTERM');
  const deadline = performance.now() + DOWN_MS;
  while (isRunning(cluster.pid)) {
    if (performance.now() > deadline) {
      process.stderr.write(`streampool: process ${cluster.pid} does not end\n`);
      return 1;
    }
    await sleep(100);
  }
  return 0;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      gateways: { type: 'string', default: '2' },
      workers: { type: 'string', default: '3' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [command] = positionals;
  if (command === 'status') return status();
  if (command === 'down') return down();
  if (command !== 'up') return fail(`what to do? (${command ?? 'nothing'} is not among it)`);
  return up({
    gateways: count('gateways', values.gateways, 1, 100),
    workers: count('workers', values.workers, 1, 100),
    ...(values.port !== undefined && { port: count('port', values.port, 1, 65_000) }),
  });
}

process.exit(await main().catch((error: Error) => fail(error.message)));
