export type * from './cluster-state.ts';
export type * from './records.ts';
