export { childEnvironment, deathSignalPrefix } from './launch.ts';
export { LineSplitter } from './line-splitter.ts';
export { signalGroup } from './process-group.ts';
export { type RunResult, type RunToEndOptions, runToEnd } from './run-to-end.ts';
export {
  type ProcessEnding,
  type ProcessHandlers,
  SupervisedProcess,
  type SupervisedProcessOptions,
} from './supervised-process.ts';
export { systemTimers, type Timers } from './timers.ts';
