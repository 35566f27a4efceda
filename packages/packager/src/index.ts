export {
  DEFAULT_PACKAGER_SETTINGS,
  type PackagerOptions,
  type PackagerSettings,
  type PackagerSnapshot,
} from './options.ts';
export type { SegmentStorageOptions, StorageSnapshot } from './store/segment-storage.ts';
