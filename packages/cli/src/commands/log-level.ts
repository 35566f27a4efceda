import type { AnswerTo, QuestionOf } from '../api/typed-paths.ts';
import { inSeconds } from './in-seconds.ts';
import { type AskOptions, apiOf, asJson } from './show.ts';
import type { Surroundings } from './watch.ts';

export interface LogLevelCommandOptions extends AskOptions {
  /** Only this node. */
  readonly node?: string;
  /** Afterwards it is as configured; text. */
  readonly seconds?: string;
}

type Levels = AnswerTo<'get', '/log-level'>;

/** Prints how much each node logs, after changing it where a level is given. @throws CommandProblem */
export async function logLevelCommand(
  level: string | undefined,
  options: LogLevelCommandOptions,
  { output, signal }: Surroundings,
): Promise<void> {
  const api = apiOf(options, signal);
  const { node, seconds } = options;
  const forMs =
    seconds === undefined
      ? undefined
      : inSeconds('--seconds', seconds, { leastMs: 1_000, mostMs: 24 * 3_600_000 });
  const body = {
    level,
    ...(node !== undefined && { node }),
    ...(forMs !== undefined && { seconds: forMs / 1_000 }),
  };
  const levels = await (level === undefined
    ? api.get('/log-level')
    : api.put('/log-level', { body: body as QuestionOf<'put', '/log-level'>['body'] & object }));
  output.write(`${options.json ? asJson(levels) : levels.nodes.map(sentence).join('\n')}\n`);
}

function sentence({ node, level, reverts_in_seconds }: Levels['nodes'][number]): string {
  if (level === null) return `${node}: no answer`;
  return `${node}: ${level}${reverts_in_seconds === null ? '' : ` for ${reverts_in_seconds} s`}`;
}
