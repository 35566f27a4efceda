import type { ProgramMap } from '../types.ts';
import { ActivePath } from './active-path.ts';
import { type FeedOptions, SplicerFeed } from './feed.ts';
import { type EmitPackets, SplicedOutput } from './output.ts';

export interface TsSplicerOptions {
  /** Called for every run of output packets. */
  readonly emit: EmitPackets;
  /** Monotonic time in ms. */
  readonly now: () => number;
  /** Whether a source whose own clock jumps (an input that loops) is moved so that the timeline goes on. Default true. */
  readonly smoothJumps?: boolean;
  /** The most bytes a feed holds while it waits to take over. Default 4 MB. */
  readonly holdBytes?: number;
}

const HOLD_BYTES = 4 * 1024 * 1024;

/**
 * Joins sources, one after another, into one continuous transport stream.
 *
 * The first source goes out unchanged. A later one is held until it has an access point; then the one before is cut at a
 * packet boundary and the new one goes on with PAT and PMT, its keyframe, the continuity counters and the timeline of
 * the output, on the output's PIDs. No discontinuity_indicator is set: to a decoder it is one stream, in which at most
 * the PES packet that was cut short is incomplete (it ends where the next one starts on its PID, as all do).
 */
export class TsSplicer {
  readonly #options: TsSplicerOptions;
  #output: SplicedOutput;
  #path: ActivePath;
  #active: SplicerFeed | undefined;

  constructor(options: TsSplicerOptions) {
    this.#options = options;
    this.#output = new SplicedOutput(options.emit, options.smoothJumps ?? true);
    this.#path = new ActivePath(this.#output, options.now);
  }

  /** The output's program map, once known. */
  get program(): ProgramMap | undefined {
    return this.#output.scanner.program;
  }

  /** PAT and PMT packets for whoever goes on from `offset`, with the counters of the last ones that went out; undefined while the program is not known. */
  get tables(): Buffer | undefined {
    return this.#output.scanner.tables;
  }

  /** Absolute offset after the last byte that went out. */
  get offset(): number {
    return this.#output.offset;
  }

  /** The way in for one more source. Any number may wait; one is active. */
  open(options: FeedOptions = {}): SplicerFeed {
    const feed: SplicerFeed = new SplicerFeed(
      {
        mayStart: () => !this.#output.isJoinable,
        pass: (run) => this.#path.push(run),
        take: (source) => {
          this.#active?.close();
          const isFirst = this.#active === undefined;
          this.#active = feed;
          if (source) {
            this.#path = new ActivePath(this.#output, this.#options.now);
            this.#path.adopt(source);
          } else if (!isFirst) {
            // Nobody can have joined what went out so far, so the stream begins anew.
            this.#output = new SplicedOutput(
              this.#options.emit,
              this.#options.smoothJumps ?? true,
              this.#output.offset,
            );
            this.#path = new ActivePath(this.#output, this.#options.now);
          }
        },
      },
      options,
      this.#options.holdBytes ?? HOLD_BYTES,
    );
    return feed;
  }
}
