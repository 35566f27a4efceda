import { StreampoolError } from '@streampool/errors';
import type { Clock } from '../clock.ts';
import type { DrillRequest } from './drill-api.ts';
import { faultError, type SourceFaults } from './source-faults.ts';

/** What a drill works with: the sources of one pool, and how it is. */
export interface DrillPorts {
  readonly faults: Pick<SourceFaults, 'begin' | 'end'>;
  readonly clock: Clock;
  /** Which alternative plays. */
  index(): number;
  /** Whether its sources are of a kind that can be made to look broken. */
  isPossible(): boolean;
  /** What the detectors would say of the source that plays. */
  report(error: StreampoolError): void;
  /** A source's media goes out. */
  isWell(): boolean;
  /** The pool has ended. */
  isOver(): boolean;
}

/** How long after the drill the next source may take; then it is said how things are. */
const SETTLE_MS = 15_000;
const LOOK_EVERY_MS = 100;
/** Media has gone out for so long that a fault just before the end would be seen. */
const WELL_FOR_MS = 500;

/** The drills of one pool: one at a time. */
export class PoolDrill {
  readonly #ports: DrillPorts;
  #isRunning = false;

  constructor(ports: DrillPorts) {
    this.#ports = ports;
  }

  /**
   * Makes the source that plays look broken for that long, and resolves when media has gone out again, or there is no hope
   * for it. @throws StreampoolError DRILL_NOT_POSSIBLE, DRILL_RUNNING
   */
  async run({ fault, seconds }: DrillRequest): Promise<void> {
    const { faults, clock } = this.#ports;
    if (!this.#ports.isPossible())
      throw new StreampoolError(
        'DRILL_NOT_POSSIBLE',
        'the source is read as files, which cannot be made to fail',
      );
    if (this.#isRunning) throw new StreampoolError('DRILL_RUNNING', 'a drill of this stream is under way');
    this.#isRunning = true;
    try {
      if (fault === 'black' || fault === 'silence') this.#ports.report(faultError(fault));
      else faults.begin(fault, this.#ports.index());
      const untilMs = clock.now() + seconds * 1_000;
      while (clock.now() < untilMs && !this.#ports.isOver()) await this.#pause(untilMs - clock.now());
      faults.end();
      await this.#settle();
    } finally {
      faults.end();
      this.#isRunning = false;
    }
  }

  async #settle(): Promise<void> {
    const { clock } = this.#ports;
    const untilMs = clock.now() + SETTLE_MS;
    let wellSinceMs = Number.POSITIVE_INFINITY;
    while (clock.now() < untilMs && !this.#ports.isOver()) {
      wellSinceMs = this.#ports.isWell() ? Math.min(wellSinceMs, clock.now()) : Number.POSITIVE_INFINITY;
      if (clock.now() - wellSinceMs >= WELL_FOR_MS) return;
      await this.#pause(LOOK_EVERY_MS);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#ports.clock.after(Math.min(ms, LOOK_EVERY_MS), resolve);
    });
  }
}
