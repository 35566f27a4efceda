export { targetDuration } from './cutting/cut-rules.ts';
export { type CutSegment, SegmentCutter } from './cutting/segment-cutter.ts';
export {
  DEFAULT_PACKAGER_SETTINGS,
  type PackagerOptions,
  type PackagerSettings,
  type PackagerSnapshot,
} from './options.ts';
export { Packager } from './packager.ts';
export { SegmentStorage, type SegmentStorageOptions, type StorageSnapshot } from './store/segment-storage.ts';
export { MediaWallClock } from './window/wall-clock.ts';
