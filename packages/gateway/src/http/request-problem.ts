import { StreampoolError } from '@streampool/errors';
import type { z } from 'zod';

/** One thing that is wrong with a request. */
export interface Problem {
  /** Where: `failover_urls.1`, `metadata.owner`; the location itself (`body`, `query`) when all of it is wrong. */
  readonly path: string;
  readonly reason: string;
}

/** A request that does not fit its schema: says every problem at once. */
export class RequestProblem extends StreampoolError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('VALIDATION_FAILED', problems.map(({ path, reason }) => `${path}: ${reason}`).join('; '));
    this.problems = problems;
  }
}

/** `location` names what was parsed, for issues that concern all of it. */
export function problemsOf(error: z.ZodError, location: string): Problem[] {
  return error.issues.map((issue) => ({
    path: issue.path.length > 0 ? issue.path.join('.') : location,
    reason: reasonOf(issue),
  }));
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return boundOf(issue) ?? issue.message;
}

/** Of a number that is out of its range. Schemas have one message, which is about the type ("must be a number"): no help there. */
function boundOf(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code !== 'too_small' && issue.code !== 'too_big') return undefined;
  if (issue.origin !== 'number' && issue.origin !== 'int') return undefined;
  if (issue.code === 'too_small')
    return `must be ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`;
  return `must be ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}`;
}
