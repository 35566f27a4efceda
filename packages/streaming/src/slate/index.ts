export { SlateFiller, type SlateFillerOptions, type SlatePlace } from './slate-filler.ts';
export { type FittingSlate, SlateStore, type SlateStoreOptions } from './slate-store.ts';
