import { LineSplitter } from '@streampool/processes';

/** What FFmpeg says about its own work (`-progress`). Figures it does not know yet (`N/A`) are absent. */
export interface FfmpegProgress {
  /** Video frames put out so far. */
  readonly frame?: number;
  readonly fps?: number;
  /** 1 is real time. Averaged by FFmpeg over its whole life. */
  readonly speed?: number;
  /** Averaged by FFmpeg over its whole life. */
  readonly bitrateKbps?: number;
  /** How far the output's timeline has come, in ms. */
  readonly outTimeMs?: number;
  readonly dupFrames?: number;
  readonly dropFrames?: number;
}

const MAX_LINE_LENGTH = 200;

/** Field of a report → our name, and what one of its units is in ours. `out_time_ms` really holds microseconds: not used. */
const FIELDS: Readonly<Record<string, readonly [keyof FfmpegProgress, number]>> = {
  frame: ['frame', 1],
  fps: ['fps', 1],
  speed: ['speed', 1],
  bitrate: ['bitrateKbps', 1],
  out_time_us: ['outTimeMs', 1 / 1000],
  dup_frames: ['dupFrames', 1],
  drop_frames: ['dropFrames', 1],
};

/** Reads the `key=value` reports of `-progress`; each ends with a `progress=` line. */
export class ProgressParser {
  #report: Partial<Record<keyof FfmpegProgress, number>> = {};
  readonly #splitter: LineSplitter;

  constructor(report: (progress: FfmpegProgress) => void) {
    this.#splitter = new LineSplitter(MAX_LINE_LENGTH, (line) => {
      const mark = line.indexOf('=');
      const key = line.slice(0, mark).trim();
      if (key === 'progress') {
        report(this.#report);
        this.#report = {};
        return;
      }
      const field = FIELDS[key];
      const value = Number.parseFloat(line.slice(mark + 1));
      if (field && Number.isFinite(value)) this.#report[field[0]] = value * field[1];
    });
  }

  push(chunk: Buffer): void {
    this.#splitter.push(chunk);
  }
}
