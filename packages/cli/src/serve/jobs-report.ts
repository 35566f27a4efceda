import type { NodeFigures } from '@streampool/gateway';
import type { ProcessReaper, Reaper, Scheduler } from '@streampool/jobs';

export type JobsReport = () => NonNullable<NodeFigures['jobs']>;

/** What the jobs of this process have done, as its metrics show it. */
export function jobsReport(jobs: {
  readonly scheduler: Pick<Scheduler, 'figures'>;
  readonly reaper: Pick<Reaper, 'total'>;
  readonly processReaper: Pick<ProcessReaper, 'killed'>;
}): JobsReport {
  const { scheduler, reaper, processReaper } = jobs;
  return () => ({
    runs: scheduler.figures().map(({ name, runs, failures }) => ({ name: kindOf(name), runs, failures })),
    reaped: Object.fromEntries(Object.entries(reaper.total).map(([name, count]) => [snakeCase(name), count])),
    orphansKilled: processReaper.killed,
  });
}

/** A job of one host has the host's name behind its own, which is no kind of job. */
function kindOf(name: string): string {
  return name.split('-', 1)[0] ?? name;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
