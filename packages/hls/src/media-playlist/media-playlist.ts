/** A stretch of a segment that is published before the segment is complete (draft-pantos-hls-rfc8216bis §4.4.4.9). */
export interface PlaylistPart {
  readonly uri: string;
  readonly durationMs: number;
  /** Begins with a keyframe. */
  readonly independent: boolean;
}

export interface PlaylistSegment {
  readonly uri: string;
  readonly durationMs: number;
  /** What is before it was coded or timed otherwise. */
  readonly discontinuity: boolean;
  /** Wall clock of its first picture, ms since the epoch. */
  readonly programDateTimeMs?: number;
}

/** What a server offers beyond RFC 8216 (rfc8216bis §4.4.3.8). Times in ms. */
export interface ServerControl {
  readonly canBlockReload?: boolean;
  readonly canSkipUntilMs?: number;
  readonly partHoldBackMs?: number;
}

/** What stands before a media playlist's segments. */
export interface PlaylistHead {
  /** Whole seconds: no segment is longer, ever. */
  readonly targetDurationS: number;
  /** Of the first segment, also where that one is skipped. */
  readonly mediaSequence: number;
  /** Discontinuities before the first segment and its own tag. */
  readonly discontinuitySequence: number;
  /** Every segment begins with a keyframe. */
  readonly independentSegments: boolean;
  readonly serverControl?: ServerControl;
  readonly partTargetMs?: number;
  /** Where players shall begin, ms from the playlist's beginning. */
  readonly startMs?: number;
  /** Segments that a delta update leaves out. */
  readonly skippedSegments?: number;
}

/** What follows the last complete segment. */
export interface PlaylistTail {
  readonly parts?: readonly PlaylistPart[];
  /** The next part, which does not exist yet. */
  readonly preloadHint?: string;
  /** Nothing more will come. */
  readonly ended?: boolean;
}
