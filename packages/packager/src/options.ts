import type { HlsResume } from '@streampool/hls';
import type { Clock, Tap, TapSink } from '@streampool/streaming';
import type { Logger } from 'pino';
import type { SegmentStorage } from './store/segment-storage.ts';

/** Times in ms. */
export interface PackagerSettings {
  /** A segment is at least that long, unless the source's keyframes ask for more. */
  readonly segmentMs: number;
  readonly partMs: number;
  /** How far back players may go. */
  readonly windowMs: number;
  /** From a request to the first segment. */
  readonly startTimeoutMs: number;
  /** Without any request for this long, and for three target durations, it closes itself. */
  readonly idleMs: number;
}

export const DEFAULT_PACKAGER_SETTINGS: PackagerSettings = {
  segmentMs: 2_000,
  partMs: 333,
  windowMs: 60_000,
  startTimeoutMs: 10_000,
  idleMs: 30_000,
};

export interface PackagerOptions {
  readonly streamId: string;
  /** `(sink) => engine.tap(spec, sink)`. Rejects as `engine.watch` does. Called once. */
  readonly tap: (sink: TapSink) => Promise<Tap>;
  readonly settings: PackagerSettings;
  /** One per process. */
  readonly storage: SegmentStorage;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Partial segments for everybody, not only for those who ask with `ll=1`. */
  readonly lowLatency?: boolean;
  /** How far an earlier owner had come, where that is known by now; a request may bring it, too. */
  readonly resume?: HlsResume;
}

/** What a packager holds. Sizes in bytes, times in ms. */
export interface PackagerSnapshot {
  readonly streamId: string;
  /** Segments that playlists name, and those that are only kept for players that are behind. */
  readonly segments: number;
  readonly keptSegments: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** How much the playlist shows now; less than the setting while the stream is young, or where storage is short. */
  readonly windowMs: number;
  readonly mediaSequence: number | undefined;
  readonly discontinuitySequence: number | undefined;
  readonly targetDurationMs: number | undefined;
  /** Since it began. */
  readonly segmentsCut: number;
  readonly discontinuities: number;
  readonly playlistsAnswered: number;
  readonly mediaAnswered: number;
  readonly mediaBytesAnswered: number;
}
