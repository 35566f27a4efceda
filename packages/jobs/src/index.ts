export { removeEndedWorkers } from './processes/predecessors.ts';
export { ProcessReaper, type ProcessReaperOptions } from './processes/process-reaper.ts';
export { type ApplyHooks, type ApplyOutcome, apply } from './reaper/apply.ts';
export { type Action, plan, type ReapPolicy } from './reaper/plan.ts';
export { Reaper, type ReaperOptions } from './reaper/reaper.ts';
export { InProcessScheduler, type InProcessSchedulerOptions } from './scheduler/in-process-scheduler.ts';
export type { OnRun } from './scheduler/job-runner.ts';
export type { EveryOptions, Job, JobFigures, Scheduler } from './scheduler/scheduler.ts';
export { InProcessTasks, type InProcessTasksOptions } from './tasks/in-process-tasks.ts';
export {
  type Attempt,
  pauseAfter,
  type Task,
  type TaskFigures,
  type TaskHandler,
  type TaskQueue,
} from './tasks/task-queue.ts';
