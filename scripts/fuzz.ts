import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { makeSample } from '@streampool/testkit';
import { type FuzzTarget, TARGETS } from './fuzzing/targets.ts';
import type { FuzzFinding, FuzzWork } from './fuzzing/worker.ts';

/** An input that takes longer hangs: of the processor's time, since on a busy machine a thread may have to wait for long. */
const HANG_MS = 5_000;
const LOADING_MS = 60_000;
const MEMORY_MB = 512;
const PACKET = 188;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seconds: { type: 'string' },
    target: { type: 'string', multiple: true },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    workers: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`scripts/fuzz [--minutes 10 | --seconds N] [--target NAME ...] [--seed N] [--workers 2] [--json]
Targets: ${TARGETS.map(({ name }) => name).join(', ')}`);
  process.exit(0);
}

interface Report {
  readonly target: string;
  readonly inputs: number;
  /** Blocks of code that were reached, and inputs that were kept because they reached new ones. */
  readonly blocks: number;
  readonly kept: number;
  readonly findings: { readonly message: string; readonly file: string }[];
}

const seed = Number(values.seed);
const totalMs =
  values.seconds === undefined ? Number(values.minutes) * 60_000 : Number(values.seconds) * 1_000;
const targets = TARGETS.filter(({ name }) => values.target === undefined || values.target.includes(name));
const lanes = Math.max(1, Math.min(Number(values.workers), targets.length));
const eachMs = (totalMs * lanes) / targets.length;
let directory: string | undefined;

function keep(target: string, count: number, input: Uint8Array): string {
  directory ??= mkdtempSync(join(tmpdir(), 'streampool-fuzz-'));
  const file = join(directory, `${target.replace(/\W/g, '-')}-${count}`);
  writeFileSync(file, input);
  return file;
}

/** The beginnings of real streams: enough for tables and some pictures. */
async function transportStreams(): Promise<Uint8Array[]> {
  const samples = await Promise.all([
    makeSample({ seconds: 2, gopSeconds: 1, videoKbps: 200 }),
    makeSample({ seconds: 1, gopSeconds: 1, videoKbps: 100 }),
  ]);
  return samples.flatMap(({ path }) => {
    const bytes = readFileSync(path);
    return [0, 40, 120].map((packet) => bytes.subarray(packet * PACKET, (packet + 100) * PACKET));
  });
}

/** What all threads have used of the processor, ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

async function fuzz(target: FuzzTarget, seeds: readonly Uint8Array[], ms: number): Promise<Report> {
  const progress = new SharedArrayBuffer(
    16 + Math.max(target.maxBytes, ...seeds.map(({ length }) => length)),
  );
  const numbers = new Int32Array(progress, 0, 4);
  const findings: Report['findings'] = [];
  const workerData: FuzzWork = { target: target.name, seed, seeds, progress };
  const worker = new Worker(new URL('./fuzzing/worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  const found = (message: string, input: Uint8Array): void => {
    findings.push({ message, file: keep(target.name, findings.length, input) });
  };
  const current = (): Uint8Array => new Uint8Array(progress, 16, Atomics.load(numbers, 1)).slice();
  worker.on('message', ({ message, input }: FuzzFinding) => found(message, input));
  const ended = new Promise<void>((resolve) => {
    worker.on('error', (error) => {
      found(`the parser took its thread down: ${error.message}`, current());
      resolve();
    });
    worker.on('exit', () => resolve());
  });
  // From the first input on: loading the parsers takes its time on a busy machine.
  let deadline = performance.now() + ms + LOADING_MS;
  let last = { tried: -1, cpuMs: cpuMs() };
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && performance.now() < deadline) {
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 100))]);
    const tried = Atomics.load(numbers, 0);
    if (tried !== last.tried) {
      if (last.tried <= 0 && tried > 0) deadline = performance.now() + ms;
      last = { tried, cpuMs: cpuMs() };
    } else if (tried > 0 && cpuMs() - last.cpuMs > HANG_MS * lanes) {
      found(`an input took more than ${HANG_MS} ms`, current());
      break;
    }
  }
  await worker.terminate();
  return {
    target: target.name,
    inputs: Atomics.load(numbers, 0),
    blocks: Atomics.load(numbers, 2),
    kept: Atomics.load(numbers, 3),
    findings,
  };
}

const streams = targets.some(({ seeds }) => seeds === 'ts') ? await transportStreams() : [];
const reports: Report[] = [];
const waiting = [...targets];
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let target = waiting.shift(); target; target = waiting.shift()) {
      const seeds = target.seeds === 'ts' ? streams : target.seeds.map((text) => Buffer.from(text));
      const report = await fuzz(target, seeds, eachMs);
      reports.push(report);
      if (!values.json) {
        console.log(
          `${report.target}: ${report.inputs} inputs, ${report.blocks} blocks, ${report.kept} kept, ${report.findings.length} findings`,
        );
        for (const { message, file } of report.findings)
          console.log(`  ${message.replaceAll('\n', '\n    ')}\n    ${file}`);
      }
    }
  }),
);
const findings = reports.reduce((sum, report) => sum + report.findings.length, 0);
if (values.json) console.log(JSON.stringify({ seed, reports }));
else console.log(`seed ${seed}: ${findings} findings`);
process.exit(findings > 0 ? 1 : 0);
