import { isStreampoolError } from '@streampool/errors';
import type { ClusterState } from '@streampool/state';
import type { Action } from './plan.ts';

export interface ApplyHooks {
  /** Finds a new owner for a stream that viewers wait for. Without it they find one themselves, by claiming. */
  readonly reown?: (streamId: string, epoch: number) => Promise<void>;
  /** Something went wrong with one action; the others are still done. */
  readonly onError?: (action: Action, error: unknown) => void;
}

/** What was really done; what had come back to life in the meantime is not counted. */
export interface ApplyOutcome {
  streamsReleased: number;
  streamsReowned: number;
  clientsRemoved: number;
  workersRemoved: number;
  /** Viewing sessions that nobody renewed; each is told of by an event of its own. */
  sessionsExpired: number;
  /** Planned, but somebody else had acted or the owner was back. */
  superseded: number;
  failed: number;
}

export function emptyOutcome(): ApplyOutcome {
  return {
    streamsReleased: 0,
    streamsReowned: 0,
    clientsRemoved: 0,
    workersRemoved: 0,
    sessionsExpired: 0,
    superseded: 0,
    failed: 0,
  };
}

/** Does what was planned, each step checked by the store against what is true by then. Stops early when aborted. */
export async function apply(
  actions: readonly Action[],
  state: ClusterState,
  hooks: ApplyHooks = {},
  signal?: AbortSignal,
): Promise<ApplyOutcome> {
  const outcome = emptyOutcome();
  for (const action of actions) {
    if (signal?.aborted) break;
    try {
      await applyOne(action, state, hooks, outcome);
    } catch (error) {
      if (isStreampoolError(error, 'STALE_EPOCH')) outcome.superseded += 1;
      else {
        outcome.failed += 1;
        hooks.onError?.(action, error);
      }
    }
  }
  return outcome;
}

async function applyOne(
  action: Action,
  state: ClusterState,
  hooks: ApplyHooks,
  outcome: ApplyOutcome,
): Promise<void> {
  switch (action.type) {
    case 'release_stream':
      if (await state.release(action.streamId, action.epoch, { onlyExpired: true }))
        outcome.streamsReleased += 1;
      else outcome.superseded += 1;
      return;
    case 'reown_stream':
      if (await state.release(action.streamId, action.epoch, { onlyExpired: true })) {
        outcome.streamsReowned += 1;
        await hooks.reown?.(action.streamId, action.epoch);
      } else outcome.superseded += 1;
      return;
    case 'remove_clients':
      outcome.clientsRemoved += await state.removeClients(action.clients, { onlyExpired: true });
      return;
    case 'remove_worker':
      if (await state.removeWorker(action.workerId, { onlyExpired: true })) {
        outcome.workersRemoved += 1;
        await state.publish({
          type: 'worker_lost',
          streamId: '',
          data: { workerId: action.workerId, host: action.host },
        });
      } else outcome.superseded += 1;
  }
}
