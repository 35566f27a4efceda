/**
 * What makes a source that still sends bytes count as broken. Times in ms of the time in which it was being read.
 * 0 switches a detector off wherever that is said.
 */
export interface DetectionSettings {
  /** Fewer kbit/s than this, null packets not counted, are no programme. 0: off. */
  readonly bitrateFloorKbps: number;
  /** How long the mean must lie below the floor. */
  readonly bitrateFloorMs: number;
  /** A source, or FFmpeg, is slow below this speed: seconds of programme per second. 0: off. */
  readonly slowSpeed: number;
  /** How long it must be slow. */
  readonly slowMs: number;
  /** All audio or all video without a packet for this long while the other goes on. 0: off. */
  readonly trackLostMs: number;
  /** Out of packet sync for this long. 0: off. */
  readonly syncLostMs: number;
  /** This many losses of packet sync within 10 s. 0: off. */
  readonly syncLosses: number;
  readonly picture: PictureSettings;
  readonly silence: SilenceSettings;
}

export interface PictureSettings extends PictureLooks {
  readonly enabled: boolean;
}

export interface PictureLooks {
  /** A keyframe is decoded about this often while the picture could be broken, six times as rarely while it surely moves. */
  readonly sampleIntervalMs: number;
  /** Black for this long. 0: off. */
  readonly blackMs: number;
  /** The same picture for this long. 0: off. */
  readonly frozenMs: number;
}

/** The reference API's settings of the same names; its seconds are ms here. */
export interface SilenceSettings {
  /** `enable_silence_detection` */
  readonly enabled: boolean;
  /** `silence_threshold_db`: dB below full scale that no sample may reach. */
  readonly thresholdDb: number;
  /** `silence_duration`: how much audio a check listens to; all of it must be silent. */
  readonly durationMs: number;
  /** `silence_check_interval`: from one check to the next. */
  readonly checkIntervalMs: number;
  /** `silence_failover_threshold`: silent checks in a row. */
  readonly failoverThreshold: number;
  /** `silence_monitoring_grace_period`: from the source's first packet to the first check. */
  readonly graceMs: number;
}

/** What costs next to nothing is on; what decodes is off until a stream asks for it. */
export const DEFAULT_DETECTION_SETTINGS: DetectionSettings = {
  bitrateFloorKbps: 0,
  bitrateFloorMs: 10_000,
  slowSpeed: 0.95,
  slowMs: 30_000,
  trackLostMs: 5_000,
  syncLostMs: 2_000,
  syncLosses: 10,
  picture: { enabled: false, sampleIntervalMs: 10_000, blackMs: 10_000, frozenMs: 30_000 },
  silence: {
    enabled: false,
    thresholdDb: -50,
    durationMs: 3_000,
    checkIntervalMs: 10_000,
    failoverThreshold: 3,
    graceMs: 15_000,
  },
};

/** What a single stream wants otherwise. */
export type DetectionOverrides = Partial<Omit<DetectionSettings, 'picture' | 'silence'>> & {
  readonly picture?: Partial<PictureSettings>;
  readonly silence?: Partial<SilenceSettings>;
};
