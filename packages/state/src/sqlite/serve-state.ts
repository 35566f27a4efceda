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
  let unsent: Answer[] = [];
  const send = (): void => {
    if (unsent.length > 0) port.postMessage(unsent);
    unsent = [];
  };
  const serve = async ({ id, method, args }: Call): Promise<void> => {
    const call = state[method] as (...args: unknown[]) => Promise<unknown>;
    let answer: Answer;
    try {
      answer = { id, value: await call.apply(state, [...args]) };
    } catch (error) {
      answer = { id, error: sendError(error) };
    }
    // Steps that were asked for together are done before this: their answers are one message.
    if (unsent.push(answer) === 1) process.nextTick(send);
    if (method !== 'close') return;
    send();
    port.close();
  };
  port.on('message', (calls: readonly Call[]) => {
    for (const call of calls) void serve(call);
  });
  port.postMessage({ ready: true } satisfies Greeting);
}
