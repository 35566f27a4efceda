import { parentPort, workerData } from 'node:worker_threads';
import { isStreampoolError } from '@streampool/errors';
import { Coverage } from './coverage.ts';
import { mutate, randomOf } from './mutate.ts';
import { TARGETS } from './targets.ts';

export interface FuzzWork {
  readonly target: string;
  readonly seed: number;
  readonly seeds: readonly Uint8Array[];
  /** Int32: how many inputs were tried, length of the one under way; then its bytes from 16 on. */
  readonly progress: SharedArrayBuffer;
}

export interface FuzzFinding {
  readonly message: string;
  readonly input: Uint8Array;
}

const BATCH = 128;
const MOST_KEPT = 2_000;

const { target: name, seed, seeds, progress } = workerData as FuzzWork;
const target = TARGETS.find((one) => one.name === name)!;
const random = randomOf(seed);
const numbers = new Int32Array(progress, 0, 4);
const bytes = new Uint8Array(progress, 16);
const corpus: Buffer[] = seeds.map((one) => Buffer.from(one));
const coverage = new Coverage();
const told = new Set<string>();

function attempt(input: Uint8Array): void {
  bytes.set(input);
  Atomics.store(numbers, 1, input.length);
  Atomics.add(numbers, 0, 1);
  try {
    target.run(Buffer.from(input));
  } catch (error) {
    if (isStreampoolError(error) && error.code !== 'INTERNAL') return;
    const message =
      error instanceof Error ? `${error.message}\n${error.stack?.split('\n')[1] ?? ''}` : String(error);
    // One of a kind.
    const kind = message.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#').slice(0, 200);
    if (told.has(kind)) return;
    told.add(kind);
    parentPort!.postMessage({ message, input: new Uint8Array(input) } satisfies FuzzFinding);
  }
}

function batch(): void {
  const inputs = Array.from({ length: BATCH }, () =>
    mutate(corpus[Math.floor(random() * corpus.length)]!, {
      ...{ random, words: target.words, maxBytes: target.maxBytes, others: corpus },
    }),
  );
  for (const input of inputs) attempt(input);
  const fresh = new Set(coverage.fresh());
  if (fresh.size > 0) {
    for (const input of inputs) {
      attempt(input);
      if (coverage.take(fresh)) corpus.push(input);
    }
    if (corpus.length > MOST_KEPT) corpus.splice(seeds.length, corpus.length - MOST_KEPT);
  }
  Atomics.store(numbers, 2, coverage.size);
  Atomics.store(numbers, 3, corpus.length);
  setImmediate(batch);
}

for (const input of corpus) attempt(input);
coverage.fresh();
Atomics.store(numbers, 2, coverage.size);
batch();
