import type { MessagePort } from 'node:worker_threads';
import type { ClusterState } from '../cluster-state.ts';
import { type Answer, type Call, type Greeting, sendError } from './thread-protocol.ts';

/** Opens a state on this thread and answers the calls that come through the port, until `close` is called. */
export function serveState(port: MessagePort, open: () => ClusterState): void {
  let state: ClusterState;
  try {
    state = open();
  } catch (error) {
    port.postMessage({ ready: false, error: sendError(error) } satisfies Greeting);
    return;
  }
  port.on('message', async ({ id, method, args }: Call) => {
    const call = state[method] as (...args: unknown[]) => Promise<unknown>;
    let answer: Answer;
    try {
      answer = { id, value: await call.apply(state, [...args]) };
    } catch (error) {
      answer = { id, error: sendError(error) };
    }
    port.postMessage(answer);
    if (method === 'close') port.close();
  });
  port.postMessage({ ready: true } satisfies Greeting);
}
