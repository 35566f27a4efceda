import { CommandProblem } from '../api/client.ts';
import type { AnswerTo } from '../api/typed-paths.ts';
import { inSeconds } from './in-seconds.ts';
import { type AskOptions, apiOf, asJson } from './show.ts';
import type { Surroundings } from './watch.ts';

export interface DrillOptions extends AskOptions {
  /** As text; the server's default without it. */
  readonly seconds?: string;
}

type Drilled = AnswerTo<'post', '/streams/{id}/drill'>;

const DEFAULT_SECONDS = 10;
const MOST_MS = 60_000;
/** What the server may take beyond the drill itself until media goes out again. */
const SETTLE_MS = 25_000;

/**
 * Makes the source of a stream look broken and prints what its viewers lost.
 * @throws CommandProblem STREAM_NOT_FOUND, STREAM_NOT_PLAYING, DRILL_NOT_POSSIBLE, DRILL_RUNNING, VALIDATION_FAILED
 */
export async function drillCommand(
  stream: string,
  fault: string,
  options: DrillOptions,
  { output, signal }: Pick<Surroundings, 'output' | 'signal'>,
): Promise<void> {
  const seconds =
    options.seconds === undefined
      ? DEFAULT_SECONDS
      : inSeconds('--seconds', options.seconds, { leastMs: 1_000, mostMs: MOST_MS }) / 1_000;
  const timeoutMs = seconds * 1_000 + SETTLE_MS;
  const told = await apiOf(options, signal).post('/streams/{id}/drill', {
    path: { id: stream },
    // One that is none is the server's to refuse, which says which there are.
    body: { fault: fault as Drilled['fault'] & 'cut', seconds },
    timeoutMs,
  });
  if (!told || typeof told.viewers !== 'number')
    throw new CommandProblem('The server says nothing.', 'NO_ANSWER');
  output.write(`${options.json ? asJson(told) : sentences(told)}\n`);
}

function sentences({
  fault,
  seconds,
  switched,
  failover_index,
  gap_ms,
  viewers,
  dropped,
  slate_ms,
}: Drilled): string {
  const what = switched ? `Source ${failover_index} took over.` : 'No other source took over.';
  const slate = slate_ms > 0 ? ` The slate was shown for ${(slate_ms / 1_000).toFixed(1)} s.` : '';
  return [
    `${fault} for ${seconds} s: ${what}${slate}`,
    `${viewers} viewers waited for at most ${gap_ms.p50} ms (half of them), ${gap_ms.p99} ms (99 of 100), ${gap_ms.max} ms (all).`,
    dropped === 0 ? 'None was dropped.' : `${dropped} were dropped.`,
  ].join('\n');
}
