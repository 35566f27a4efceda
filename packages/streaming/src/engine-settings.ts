import { DEFAULT_DETECTION_SETTINGS, type DetectionSettings } from './detection/detection-settings.ts';

/** What the data plane can be told. Times in ms, sizes in bytes. */
export interface EngineSettings {
  /** Every viewer is written to once per interval: longer costs less CPU and adds delay. */
  readonly deliveryIntervalMs: number;
  /** How long a pool runs on without viewers. */
  readonly sharedStreamTimeoutMs: number;
  /** A viewer's socket without progress for this long is dropped. */
  readonly clientTimeoutMs: number;
  /** From a viewer's request to the first picture; FFmpeg without output for this long is restarted. */
  readonly streamTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Silence of a provider after which it counts as dead. */
  readonly stallTimeoutMs: number;
  /** Failed attempts in a row at each of its sources after which a running stream is given up. */
  readonly maxAttempts: number;
  /** On an alternative for this long, the primary is tried again; 0: never. */
  readonly failbackAfterMs: number;
  /** At the limit the next viewer opens a further pool. 0: no limit. */
  readonly maxClientsPerSharedStream: number;
  /** False: every viewer of a transcoded stream has an FFmpeg of its own. */
  readonly poolTranscodes: boolean;
  readonly ringBudgetBytes: number;
  /** How far behind live a slow viewer may fall before it skips, as far as the budget allows. */
  readonly ringRetainMs: number;
  /** What makes a source that still sends bytes count as broken, where a stream says nothing else. */
  readonly detection: DetectionSettings;
  /** Whether the gaps of streams that say nothing of it are filled with a slate. */
  readonly slate: boolean;
  /** From the last byte that went out to the slate. */
  readonly slateAfterMs: number;
  readonly ffmpegPath: string;
  /** From SIGTERM to SIGKILL. FFmpeg writes to a pipe: it has nothing to save. */
  readonly stopGraceMs: number;
}

export const DEFAULT_ENGINE_SETTINGS: EngineSettings = {
  deliveryIntervalMs: 100,
  sharedStreamTimeoutMs: 10_000,
  clientTimeoutMs: 30_000,
  streamTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  stallTimeoutMs: 3_000,
  maxAttempts: 12,
  failbackAfterMs: 0,
  maxClientsPerSharedStream: 0,
  poolTranscodes: true,
  ringBudgetBytes: 32 * 1024 * 1024,
  ringRetainMs: 5_000,
  detection: DEFAULT_DETECTION_SETTINGS,
  slate: false,
  slateAfterMs: 1_000,
  ffmpegPath: 'ffmpeg',
  stopGraceMs: 1_000,
};
