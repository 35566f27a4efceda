import { StreampoolError } from '@streampool/errors';
import { type ClusterState, SqliteClusterState } from '../../src/index.ts';

/** A store in memory that can be away, stand still, or lose everything; and a clock for what looks at it. */
export class MoodyStore {
  #inner = new SqliteClusterState({ path: ':memory:' });
  #mood: 'well' | 'away' | 'still' = 'well';
  #move = (): void => {};
  #moves: Promise<void> = Promise.resolve();
  readonly #timers: { at: number; run: () => void }[] = [];
  now = 0;
  /** The one method that is not answered. */
  refused: keyof ClusterState | undefined;

  /** What the node under test is given. */
  readonly state = new Proxy({} as ClusterState, {
    get:
      (_, method: keyof ClusterState) =>
      async (...args: unknown[]) => {
        const isAway = method === this.refused || (this.#mood === 'away' && method !== 'close');
        if (isAway) throw new StreampoolError('STATE_UNAVAILABLE', 'away');
        if (this.#mood === 'still') await this.#moves;
        return (this.#inner[method] as (...args: unknown[]) => Promise<unknown>)(...args);
      },
  });

  /** The store itself, always within reach: what other nodes see and do. */
  get inner(): SqliteClusterState {
    return this.#inner;
  }

  goAway(): void {
    this.#mood = 'away';
  }

  standStill(): void {
    this.#mood = 'still';
    this.#moves = new Promise((resolve) => {
      this.#move = resolve;
    });
  }

  comeBack(): void {
    this.#mood = 'well';
    this.#move();
  }

  async loseMemory(): Promise<void> {
    await this.#inner.close();
    this.#inner = new SqliteClusterState({ path: ':memory:' });
  }

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.now + ms, run };
    this.#timers.push(timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  };

  get timers(): number {
    return this.#timers.length;
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.#timers.filter(({ at }) => at <= this.now)) {
      this.#timers.splice(this.#timers.indexOf(timer), 1);
      timer.run();
    }
    await settle();
  }
}

/** Lets everything go on that waits for nothing but its turn. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
