import { Gauge, type Registry } from 'prom-client';
import { DurationHistogram, type Meter } from './duration-histogram.ts';

/** Jobs of a queue, by what they are at: the same whichever process asks. */
export interface QueueSizes {
  readonly queue: string;
  readonly sizes: Readonly<Record<string, number>>;
}

/** A queue whose Redis is away must not hold up the scrape of everything else, ms. */
const PATIENCE_MS = 500;

/** How long background jobs run, and how many wait. */
export class JobMeter implements Meter {
  readonly #durations = new DurationHistogram({
    name: 'streampool_job_duration_seconds',
    help: 'Time that runs of background jobs on this process took.',
    labelNames: ['task', 'outcome'],
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30],
  });
  #queues: () => Promise<readonly QueueSizes[]> = async () => [];

  /** A run has ended: `ok`, `failed` or `timeout`. */
  readonly observe = (job: string, ms: number, outcome: string): void => this.#durations.of(job, outcome)(ms);

  /** Whom to ask at a scrape. */
  watchQueues(queues: () => Promise<readonly QueueSizes[]>): void {
    this.#queues = queues;
  }

  register(registry: Registry): void {
    this.#durations.register(registry);
    const gauge: Gauge<'queue' | 'state'> = new Gauge({
      name: 'streampool_queue_jobs',
      help: 'Jobs in the queues of the cluster, by what they are at. All processes see the same ones: take the maximum, not the sum.',
      labelNames: ['queue', 'state'],
      registers: [registry],
      collect: async () => {
        const queues = await withinPatience(this.#queues());
        gauge.reset();
        for (const { queue, sizes } of queues ?? [])
          for (const [state, count] of Object.entries(sizes)) gauge.set({ queue, state }, count);
      },
    });
  }
}

/** Undefined where there is no answer in time. Never rejects. */
export async function withinPatience<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, PATIENCE_MS, undefined);
  });
  return Promise.race([answer.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}
