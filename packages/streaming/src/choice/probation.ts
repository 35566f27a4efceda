import { PacketAligner, TsScanner } from '@streampool/mpegts';
import type { Clock } from '../clock.ts';
import type { Lane } from '../source-run.ts';

export interface ProbationOptions {
  readonly lane: Lane;
  readonly clock: Clock;
  /** For how long it must have delivered; 0: no longer of interest. */
  readonly forMs: () => number;
  /** It has shown its first picture. */
  readonly onPicture: () => void;
}

/**
 * A lane for a source that has yet to show that it is well: its bytes are only looked at, until it has delivered pictures
 * for long enough; then they go on their way, and it takes over at its next keyframe.
 */
export class Probation implements Lane {
  readonly #options: ProbationOptions;
  readonly #aligner = new PacketAligner();
  readonly #scanner: TsScanner;
  #sinceMs: number | undefined;
  #pictures = 0;
  #offset = 0;
  #isOver = false;

  constructor(options: ProbationOptions) {
    this.#options = options;
    this.#scanner = new TsScanner({
      onAccessPoint: () => {
        this.#sinceMs ??= options.clock.now();
        this.#pictures += 1;
        if (this.#pictures === 1) options.onPicture();
      },
    });
  }

  data(chunk: Buffer): void {
    const { lane, clock, forMs } = this.#options;
    const leastMs = forMs();
    this.#isOver ||= leastMs === 0;
    if (this.#isOver) {
      lane.data(chunk);
      return;
    }
    this.#aligner.align(chunk, (packets) => {
      this.#scanner.scan(packets, this.#offset);
      this.#offset += packets.length;
    });
    this.#isOver = this.#sinceMs !== undefined && clock.now() - this.#sinceMs >= leastMs;
  }

  /** What ends on probation is not what viewers get. */
  end(): void {
    if (this.#isOver) this.#options.lane.end();
  }

  close(): void {
    this.#options.lane.close();
  }
}
