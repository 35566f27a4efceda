import type { PoolState } from './engine-api.ts';

/**
 * Where a pool may go from each state. `idle`: nothing runs. `starting`: the first source has not shown an access point.
 * `live`: bytes flow. `switching`: the source was lost, viewers wait for the next. `draining`: nobody watches, the
 * source runs on for a while. `stopped` and `failed` are final: the next viewer gets a new pool.
 */
const MOVES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  idle: ['starting', 'stopped'],
  starting: ['live', 'draining', 'stopped', 'failed'],
  live: ['switching', 'draining', 'stopped', 'failed'],
  switching: ['live', 'draining', 'stopped', 'failed'],
  draining: ['starting', 'live', 'switching', 'stopped', 'failed'],
  stopped: [],
  failed: [],
};

/** The state of one pool. An illegal move is a bug and throws. */
export class PoolStateMachine {
  #state: PoolState = 'idle';
  readonly #onMove: (from: PoolState, to: PoolState, reason: string) => void;

  constructor(onMove: (from: PoolState, to: PoolState, reason: string) => void) {
    this.#onMove = onMove;
  }

  get state(): PoolState {
    return this.#state;
  }

  get isFinal(): boolean {
    return this.#state === 'stopped' || this.#state === 'failed';
  }

  move(to: PoolState, reason: string): void {
    const from = this.#state;
    if (!MOVES[from].includes(to)) throw new Error(`a pool cannot go from ${from} to ${to} (${reason})`);
    this.#state = to;
    this.#onMove(from, to, reason);
  }
}
