import type { NodeFigures } from '@streampool/gateway';
import type { ProcessReaper, Reaper, Scheduler } from '@streampool/jobs';

export type JobsReport = () => NonNullable<NodeFigures['jobs']>;

/** What the jobs of this process have done, as its metrics show it. */
export function jobsReport(jobs: {
  readonly schedulers: readonly Pick<Scheduler, 'figures'>[];
  readonly reaper: Pick<Reaper, 'total'>;
  readonly processReaper: Pick<ProcessReaper, 'killed'>;
}): JobsReport {
  const { schedulers, reaper, processReaper } = jobs;
  return () => ({
    runs: schedulers.flatMap((scheduler) =>
      scheduler.figures().map(({ name, runs, failures }) => ({ name, runs, failures })),
    ),
    reaped: Object.fromEntries(Object.entries(reaper.total).map(([name, count]) => [snakeCase(name), count])),
    orphansKilled: processReaper.killed,
  });
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
