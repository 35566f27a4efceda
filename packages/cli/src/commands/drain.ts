import { type ApiClient, CommandProblem } from '../api/client.ts';
import type { AnswerTo } from '../api/typed-paths.ts';
import { inSeconds } from './in-seconds.ts';
import { type AskOptions, apiOf, asJson } from './show.ts';
import type { Surroundings } from './watch.ts';

export interface DrainOptions extends AskOptions {
  /** Takes it back. */
  readonly cancel?: boolean;
  /** Seconds as text; true for the default. */
  readonly wait?: string | true;
}

type Drained = AnswerTo<'post', '/workers/{id}/drain'>;

/** How a drain that is waited for ends. */
type Outcome = 'gone' | 'empty';

const WAIT_MS = 10 * 60_000;
const LOOK_EVERY_MS = 500;
/** Servers that restart in the middle of it are asked again for this long. */
const PATIENCE_MS = 30_000;

/**
 * Tells a worker to take no new streams and to hand over those it has, or (`cancel`) that it is wanted again. With `wait`
 * it resolves when the worker has gone or has nothing left. @throws CommandProblem WORKER_NOT_FOUND, DRAIN_TIMEOUT
 */
export async function drainCommand(
  worker: string,
  options: DrainOptions,
  surroundings: Surroundings,
): Promise<void> {
  const { output } = surroundings;
  const mostMs = typeof options.wait === 'string' ? waitOf(options.wait) : WAIT_MS;
  const api = apiOf(options, surroundings.signal);
  const question = { path: { id: worker } };
  const told = await (options.cancel
    ? api.delete('/workers/{id}/drain', question)
    : api.post('/workers/{id}/drain', question));
  if (options.wait === undefined || options.cancel) {
    output.write(`${options.json ? asJson(told) : sentence(told, options.cancel === true)}\n`);
    return;
  }
  if (!options.json) output.write(`${sentence(told, false)}\n`);
  const outcome = await waitUntilEmpty(api, worker, mostMs, surroundings);
  if (options.json) output.write(`${asJson({ ...told, outcome })}\n`);
  else output.write(outcome === 'gone' ? `${worker} has ended.\n` : `${worker} has nothing left.\n`);
}

function waitOf(text: string): number {
  return inSeconds('--wait', text, { leastMs: 1_000, mostMs: 24 * 3_600_000 });
}

function sentence({ worker_id, status, owned_streams, viewers }: Drained, cancelled: boolean): string {
  if (cancelled && status === 'ready') return `${worker_id} takes streams again.`;
  if (cancelled) return `${worker_id} is on its way out already, which cannot be taken back.`;
  return `${worker_id} is draining: ${owned_streams} streams, ${viewers} viewers.`;
}

async function waitUntilEmpty(
  api: ApiClient,
  id: string,
  mostMs: number,
  { signal, sleep, now }: Surroundings,
): Promise<Outcome> {
  const begunMs = now();
  let answeredMs = begunMs;
  /** What the worker says counts once it speaks as one that knows. */
  let firstBeat: string | undefined;
  let left = '';
  while (!signal.aborted) {
    const listed = await api.get('/workers').catch((error: unknown) => {
      if (signal.aborted) return undefined;
      if (!(error instanceof CommandProblem) || now() - answeredMs > PATIENCE_MS) throw error;
      return undefined;
    });
    if (listed) {
      answeredMs = now();
      const worker = listed.workers.find(({ worker_id }) => worker_id === id);
      if (!worker) return 'gone';
      if (worker.status !== 'draining') {
        throw new CommandProblem(
          `Somebody wants ${id} back: it is not draining any more.`,
          'DRAIN_CANCELLED',
        );
      }
      firstBeat ??= worker.heartbeat_at;
      const isEmpty = worker.owned_streams === 0 && worker.viewers === 0;
      if (isEmpty && worker.heartbeat_at !== firstBeat) return 'empty';
      left = `${worker.owned_streams} streams and ${worker.viewers} viewers`;
    }
    if (now() - begunMs >= mostMs) {
      throw new CommandProblem(`${id} still has ${left} after ${mostMs / 1000} s.`, 'DRAIN_TIMEOUT');
    }
    await sleep(LOOK_EVERY_MS, signal);
  }
  throw new CommandProblem(`Not waited for: ${id} goes on draining.`, 'INTERRUPTED');
}
