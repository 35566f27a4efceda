export { Worker, type WorkerFigures } from './worker.ts';
export type { WorkerHooks, WorkerOptions } from './worker-options.ts';
