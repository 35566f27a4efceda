import { type EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { ClusterState } from '../cluster-state.ts';
import type { SqliteStateOptions } from './sqlite-cluster-state.ts';
import { type Answer, type Call, type Greeting, receiveError, type StateMethod } from './thread-protocol.ts';

export interface ThreadedStateOptions extends Omit<SqliteStateOptions, 'now'> {
  /** The longest a caller waits for an answer, in ms. The step may still be done afterwards. */
  readonly callTimeoutMs?: number;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Opening may check a large file on a slow disk, and wait for another process that migrates it. */
const OPEN_TIMEOUT_MS = 30_000;

/** Under Node's type stripping the thread is a .ts file beside this one; in a packed release it is JavaScript. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './state-thread.ts' : './state-thread.js',
  import.meta.url,
);

/**
 * Opens the state on a thread of its own: a transaction, a checkpoint's fsync on a slow disk or another process's lock
 * never holds up the delivery of media.
 * @throws StreampoolError CONFIG_INVALID (the file is damaged, foreign or unwritable), STATE_UNAVAILABLE
 */
export async function openSqliteState(options: ThreadedStateOptions): Promise<ClusterState> {
  return openOnThread(THREAD, options, options.callTimeoutMs);
}

/** `script` must serve a state (`serveState`); `data` becomes its `workerData`. */
export async function openOnThread(
  script: URL,
  data: unknown,
  callTimeoutMs = 10_000,
): Promise<ClusterState> {
  // Flags meant for the main program (--input-type, --inspect) are not this thread's.
  const thread = new Worker(script, { workerData: data, name: 'streampool-state', execArgv: [] });
  return openBehind(thread, callTimeoutMs);
}

/** A thread, or a part of one, that serves a state. */
export type StateThread = Pick<Worker, 'on' | 'once' | 'ref' | 'unref' | 'postMessage' | 'terminate'> &
  EventEmitter;

/** The state that a thread serves; the thread has just been started, and ends with it. */
export async function openBehind(thread: StateThread, callTimeoutMs = 10_000): Promise<ClusterState> {
  try {
    const greeting = await greetingOf(thread);
    if (greeting.ready) return new ThreadedState(thread, callTimeoutMs);
    throw receiveError(greeting.error);
  } catch (error) {
    await thread.terminate();
    if (isStreampoolError(error)) throw error;
    throw unavailable("the state's thread did not start", error);
  }
}

async function greetingOf(thread: StateThread): Promise<Greeting> {
  // `once` rejects by itself when the thread fails; one that ends without a word would be waited for in vain.
  const ended = new AbortController();
  thread.once('exit', () => ended.abort());
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(OPEN_TIMEOUT_MS)]);
  const [greeting] = (await once(thread, 'message', { signal })) as [Greeting];
  return greeting;
}

/** Forwards every call, in order, to the state on the other thread. */
class ThreadedState implements ClusterState {
  readonly #thread: StateThread;
  readonly #callTimeoutMs: number;
  readonly #waiting = new Map<number, Waiting>();
  /** In their order. */
  #unsent: Call[] = [];
  #lastId = 0;
  #closed: Promise<void> | undefined;
  /** Why no call can succeed any more. */
  #ended: string | undefined;

  constructor(thread: StateThread, callTimeoutMs: number) {
    this.#thread = thread;
    this.#callTimeoutMs = callTimeoutMs;
    thread.on('message', (answers: readonly Answer[]) => {
      for (const answer of answers) this.#take(answer);
    });
    thread.on('error', (error) => this.#end(`the state's thread failed: ${error.message}`));
    thread.on('exit', () => this.#end("the state's thread has ended"));
    // Only a pending call is a reason for the process to stay.
    thread.unref();
  }

  readonly putStream: ClusterState['putStream'] = (...args) => this.#call('putStream', args);
  readonly getDefinition: ClusterState['getDefinition'] = (...args) => this.#call('getDefinition', args);
  readonly getStream: ClusterState['getStream'] = (...args) => this.#call('getStream', args);
  readonly listStreams: ClusterState['listStreams'] = (...args) => this.#call('listStreams', args);
  readonly findByMetadata: ClusterState['findByMetadata'] = (...args) => this.#call('findByMetadata', args);
  readonly removeStream: ClusterState['removeStream'] = (...args) => this.#call('removeStream', args);
  readonly claim: ClusterState['claim'] = (...args) => this.#call('claim', args);
  readonly release: ClusterState['release'] = (...args) => this.#call('release', args);
  readonly report: ClusterState['report'] = (...args) => this.#call('report', args);
  readonly heartbeat: ClusterState['heartbeat'] = (...args) => this.#call('heartbeat', args);
  readonly listWorkers: ClusterState['listWorkers'] = (...args) => this.#call('listWorkers', args);
  readonly removeWorker: ClusterState['removeWorker'] = (...args) => this.#call('removeWorker', args);
  readonly setWorkerStatus: ClusterState['setWorkerStatus'] = (...args) =>
    this.#call('setWorkerStatus', args);
  readonly listClients: ClusterState['listClients'] = (...args) => this.#call('listClients', args);
  readonly clientsOf: ClusterState['clientsOf'] = (...args) => this.#call('clientsOf', args);
  readonly getClient: ClusterState['getClient'] = (...args) => this.#call('getClient', args);
  readonly removeClients: ClusterState['removeClients'] = (...args) => this.#call('removeClients', args);
  readonly publish: ClusterState['publish'] = (...args) => this.#call('publish', args);
  readonly readEvents: ClusterState['readEvents'] = (...args) => this.#call('readEvents', args);
  readonly readTimeline: ClusterState['readTimeline'] = (...args) => this.#call('readTimeline', args);
  readonly sweep: ClusterState['sweep'] = (...args) => this.#call('sweep', args);
  readonly orphanProcesses: ClusterState['orphanProcesses'] = (...args) =>
    this.#call('orphanProcesses', args);
  readonly forgetProcesses: ClusterState['forgetProcesses'] = (...args) =>
    this.#call('forgetProcesses', args);
  readonly exchangeSources: ClusterState['exchangeSources'] = (...args) =>
    this.#call('exchangeSources', args);
  readonly putProvider: ClusterState['putProvider'] = (...args) => this.#call('putProvider', args);
  readonly listProviders: ClusterState['listProviders'] = (...args) => this.#call('listProviders', args);
  readonly removeProvider: ClusterState['removeProvider'] = (...args) => this.#call('removeProvider', args);
  readonly takeSlot: ClusterState['takeSlot'] = (...args) => this.#call('takeSlot', args);
  readonly promiseSlot: ClusterState['promiseSlot'] = (...args) => this.#call('promiseSlot', args);
  readonly releaseSlots: ClusterState['releaseSlots'] = (...args) => this.#call('releaseSlots', args);
  readonly beatSlots: ClusterState['beatSlots'] = (...args) => this.#call('beatSlots', args);
  readonly listSlots: ClusterState['listSlots'] = (...args) => this.#call('listSlots', args);
  readonly eventsEnd: ClusterState['eventsEnd'] = (...args) => this.#call('eventsEnd', args);
  readonly waitForEvents: ClusterState['waitForEvents'] = (...args) => this.#call('waitForEvents', args);
  readonly putWebhook: ClusterState['putWebhook'] = (...args) => this.#call('putWebhook', args);
  readonly listWebhooks: ClusterState['listWebhooks'] = (...args) => this.#call('listWebhooks', args);
  readonly removeWebhook: ClusterState['removeWebhook'] = (...args) => this.#call('removeWebhook', args);
  readonly takeDispatch: ClusterState['takeDispatch'] = (...args) => this.#call('takeDispatch', args);
  readonly leaveDispatch: ClusterState['leaveDispatch'] = (...args) => this.#call('leaveDispatch', args);
  readonly keepDeadLetter: ClusterState['keepDeadLetter'] = (...args) => this.#call('keepDeadLetter', args);
  readonly listDeadLetters: ClusterState['listDeadLetters'] = (...args) =>
    this.#call('listDeadLetters', args);
  readonly getDeadLetter: ClusterState['getDeadLetter'] = (...args) => this.#call('getDeadLetter', args);
  readonly removeDeadLetter: ClusterState['removeDeadLetter'] = (...args) =>
    this.#call('removeDeadLetter', args);
  readonly startSession: ClusterState['startSession'] = (...args) => this.#call('startSession', args);
  readonly touchSessions: ClusterState['touchSessions'] = (...args) => this.#call('touchSessions', args);
  readonly endSession: ClusterState['endSession'] = (...args) => this.#call('endSession', args);
  readonly getSession: ClusterState['getSession'] = (...args) => this.#call('getSession', args);
  readonly listSessions: ClusterState['listSessions'] = (...args) => this.#call('listSessions', args);
  readonly countSessions: ClusterState['countSessions'] = (...args) => this.#call('countSessions', args);
  readonly expireSessions: ClusterState['expireSessions'] = (...args) => this.#call('expireSessions', args);
  readonly putUser: ClusterState['putUser'] = (...args) => this.#call('putUser', args);
  readonly getUser: ClusterState['getUser'] = (...args) => this.#call('getUser', args);
  readonly removeUser: ClusterState['removeUser'] = (...args) => this.#call('removeUser', args);
  readonly generation: ClusterState['generation'] = (...args) => this.#call('generation', args);
  readonly ping: ClusterState['ping'] = (...args) => this.#call('ping', args);

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** What was asked before is still done: the thread takes the calls in their order. */
  async #close(): Promise<void> {
    const closed = this.#call('close', []);
    this.#ended ??= 'the state has been closed';
    await closed.catch(() => {});
    await this.#thread.terminate();
  }

  #call<M extends StateMethod>(method: M, args: Parameters<ClusterState[M]>): ReturnType<ClusterState[M]> {
    const answer = new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw unavailable(this.#ended);
      const id = ++this.#lastId;
      const timer = setTimeout(() => {
        this.#settle(id)?.reject(unavailable(`the state did not answer within ${this.#callTimeoutMs} ms`));
      }, this.#callTimeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (this.#waiting.size === 1) this.#thread.ref();
      if (this.#unsent.push({ id, method, args }) === 1) process.nextTick(() => this.#send());
    });
    return answer as ReturnType<ClusterState[M]>;
  }

  /** What is asked in one moment is one message: waking the thread costs both sides more than most steps take. */
  #send(): void {
    const calls = this.#unsent;
    this.#unsent = [];
    try {
      this.#thread.postMessage(calls);
    } catch {
      // One of them holds what cannot be cloned: it is refused alone.
      for (const call of calls) this.#sendAlone(call);
    }
  }

  #sendAlone(call: Call): void {
    try {
      this.#thread.postMessage([call]);
    } catch (error) {
      this.#settle(call.id)?.reject(error as Error);
    }
  }

  #take(answer: Answer): void {
    const waiting = this.#settle(answer.id);
    if ('error' in answer) waiting?.reject(receiveError(answer.error));
    else waiting?.resolve(answer.value);
  }

  /** Undefined if its caller has stopped waiting. */
  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (!waiting) return undefined;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#thread.unref();
    return waiting;
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(unavailable(reason));
  }
}

function unavailable(reason: string, cause?: unknown): StreampoolError {
  return new StreampoolError('STATE_UNAVAILABLE', reason, { cause, retryAfterSeconds: 1 });
}
