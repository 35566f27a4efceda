export { BitrateFloor } from './bitrate-floor.ts';
export {
  DEFAULT_DETECTION_SETTINGS,
  type DetectionOverrides,
  type DetectionSettings,
  type PictureSettings,
  type SilenceSettings,
} from './detection-settings.ts';
export { LaneWatch, LaneWatches, type MakeWatch } from './lane-watches.ts';
export { PictureWatch, type PictureWatchOptions } from './picture/picture-watch.ts';
export { type Sample, SampleDecoder, type SampleDecoderOptions } from './sample-decoder.ts';
export { type EncoderFigures, SlowEncoder } from './slow-encoder.ts';
export { SoundWatch, type SoundWatchOptions } from './sound/sound-watch.ts';
export { SourceWatch, type SourceWatchOptions } from './source-watch.ts';
export { type SyncFigures, SyncWatch } from './sync-watch.ts';
export { TracksWatch } from './tracks-watch.ts';
export { Watching, type WatchingOptions } from './watching.ts';
