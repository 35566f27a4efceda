export { checkFfmpeg, type FfmpegVersion } from './check-ffmpeg.ts';
export {
  commandLine,
  INPUT_FORMATS,
  INPUT_PLACEHOLDER,
  INPUT_PROTOCOLS,
  type InputKind,
} from './command-line.ts';
export { type DetectOptions, detectHardware, type HardwareEncoder } from './hardware/detect.ts';
export { type DecodeBytesOptions, decodeBytes } from './process/decode-bytes.ts';
export { type EncodeBytesOptions, encodeBytes } from './process/encode-bytes.ts';
export {
  type FfmpegHandlers,
  FfmpegProcess,
  type FfmpegProcessOptions,
} from './process/ffmpeg-process.ts';
export type { FfmpegProgress } from './process/progress.ts';
export { listProfiles, type Profile } from './profiles/profiles.ts';
export { type ResolvedTranscode, resolveTranscode, type TranscodeRequest } from './profiles/resolve.ts';
