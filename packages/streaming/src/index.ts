export type * from './engine-api.ts';
export type * from './source.ts';
