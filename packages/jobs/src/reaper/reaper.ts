import type { ClusterState } from '@streampool/state';
import type { Logger } from 'pino';
import { type ApplyHooks, type ApplyOutcome, apply, emptyOutcome } from './apply.ts';
import { plan } from './plan.ts';

export interface ReaperOptions {
  readonly state: ClusterState;
  readonly log: Logger;
  /** Id of the worker of this process, which the reaper never takes for dead. */
  readonly self?: string;
  readonly reown?: ApplyHooks['reown'];
}

/** A store that grows faster than it is swept must not keep one run going for ever. */
const ROUNDS = 20;

const SESSIONS_PER_STEP = 500;

/**
 * Removes what dead nodes have left in the state: workers, ownerships, viewers. One run at a time is enough for a whole
 * cluster; several at once do no harm, since every step is checked by the store.
 */
export class Reaper {
  readonly #options: ReaperOptions;
  readonly #total: ApplyOutcome = emptyOutcome();

  constructor(options: ReaperOptions) {
    this.#options = options;
  }

  /** What was done since the start, for metrics. */
  get total(): Readonly<ApplyOutcome> {
    return this.#total;
  }

  /** One run. @throws StreampoolError STATE_UNAVAILABLE */
  async run(signal?: AbortSignal): Promise<ApplyOutcome> {
    const { state, log, self, reown } = this.#options;
    const outcome = emptyOutcome();
    const hooks: ApplyHooks = {
      ...(reown && { reown }),
      onError: (action, error) =>
        log.warn({ action: action.type, err: error }, 'the reaper could not do a step'),
    };
    for (let round = 0; round < ROUNDS && !signal?.aborted; round++) {
      const snapshot = await state.sweep();
      const actions = plan(snapshot, self === undefined ? {} : { self });
      const done = await apply(actions, state, hooks, signal);
      add(outcome, done);
      if (!snapshot.truncated || actions.length === 0 || done.failed > 0) break;
    }
    outcome.sessionsExpired = await this.#expireSessions(signal);
    add(this.#total, outcome);
    await this.#tell(outcome);
    return outcome;
  }

  /** In steps, since each holds up everybody else who writes to the state. */
  async #expireSessions(signal: AbortSignal | undefined): Promise<number> {
    let expired = 0;
    for (let round = 0; round < ROUNDS * 10 && !signal?.aborted; round++) {
      const some = await this.#options.state.expireSessions(SESSIONS_PER_STEP);
      expired += some;
      if (some < SESSIONS_PER_STEP) break;
    }
    return expired;
  }

  async #tell(outcome: ApplyOutcome): Promise<void> {
    const { streamsReleased, streamsReowned, clientsRemoved, workersRemoved } = outcome;
    const data = { streamsReleased, streamsReowned, clientsRemoved, workersRemoved };
    if (Object.values(data).every((count) => count === 0)) return;
    this.#options.log.info(data, 'the reaper removed what dead nodes had left');
    await this.#options.state.publish({ type: 'reaped', streamId: '', data });
  }
}

function add(sum: ApplyOutcome, more: ApplyOutcome): void {
  for (const key of Object.keys(sum) as (keyof ApplyOutcome)[]) sum[key] += more[key];
}
