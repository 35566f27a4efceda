import { CommandProblem } from '../api/client.ts';
import { duration } from '../config/values.ts';

/** The value of an option that is a time (seconds, or with a unit), in ms. @throws CommandProblem USAGE */
export function inSeconds(
  option: string,
  text: string,
  { leastMs, mostMs }: { leastMs: number; mostMs: number },
): number {
  const { schema, allowed } = duration(leastMs, mostMs);
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  throw new CommandProblem(`${option} cannot be ${JSON.stringify(text)}: it must be ${allowed}`, 'USAGE');
}
