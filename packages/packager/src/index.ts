export {
  DEFAULT_PACKAGER_SETTINGS,
  type PackagerOptions,
  type PackagerSettings,
  type PackagerSnapshot,
} from './options.ts';
export { Packager } from './packager.ts';
export { SegmentStorage, type SegmentStorageOptions, type StorageSnapshot } from './store/segment-storage.ts';
