import { isStreampoolError } from '@streampool/errors';
import type { ClusterState, Heartbeat, HeartbeatReply } from '../cluster-state.ts';
import type { StreamDefinition, StreamRecord, WorkerRecord } from '../records.ts';
import { GiveBack } from './give-back.ts';
import { Memory } from './memory.ts';
import { grantedUnheard, renewedUnheard } from './sessions-unheard.ts';

export interface RememberingOptions {
  readonly state: ClusterState;
  /** How long the store may take before memory answers; ms. */
  readonly patienceMs?: number;
  /** The most streams that are remembered. */
  readonly most?: number;
  /** Of the store: for this long after it lost its memory, nodes that it has yet to hear of still count; ms. */
  readonly leaseMs?: number;
  /** Only what was used within this time is given back to a store that lost its memory; ms. */
  readonly giveBackMs?: number;
  /** Monotonic, ms. */
  readonly now?: () => number;
  /** Runs once after `ms`; returns its cancellation. */
  readonly after?: (ms: number, run: () => void) => () => void;
}

/**
 * The nodes are asked for this often though nobody wants to know, ms: when the store goes, it is too late to ask, and a
 * worker that is then made the owner of a stream asks the node that says so, which may have come a moment ago, what it is.
 */
const LOOK_AROUND_MS = 5_000;

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A {@link ClusterState} that goes on while the store is away. It remembers the definitions and owners of the streams this
 * node uses, and the nodes; when the store cannot be reached, or takes too long, that is what it answers with. When the
 * store comes back without its memory, the definitions are given back. Everything else passes through.
 *
 * What the store says is always believed, unless it has just forgotten: of an epoch below the one that is known with
 * nobody as its owner, and of nodes that have not spoken to it yet, this node knows better for the length of a lease.
 */
export class RememberingState implements ClusterState {
  readonly #state: ClusterState;
  readonly #memory: Memory;
  readonly #giveBack: GiveBack;
  readonly #patienceMs: number;
  readonly #leaseMs: number;
  readonly #giveBackMs: number;
  readonly #now: () => number;
  readonly #after: (ms: number, run: () => void) => () => void;
  #workers: WorkerRecord[] | undefined;
  #lookedAroundAt = Number.NEGATIVE_INFINITY;
  /** The life of the store's data that memory is of. */
  #generation: string | undefined;
  /** When the store was last found to have forgotten. */
  #forgotAt = Number.NEGATIVE_INFINITY;

  constructor(options: RememberingOptions) {
    this.#state = options.state;
    this.#patienceMs = options.patienceMs ?? 300;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#giveBackMs = options.giveBackMs ?? DAY_MS;
    this.#now = options.now ?? (() => performance.now());
    this.#after =
      options.after ??
      ((ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      });
    this.#memory = new Memory(options.most ?? 10_000, this.#now);
    this.#giveBack = new GiveBack((definition) => this.#putBack(definition));
  }

  /** How many streams are remembered, for metrics. */
  get remembered(): number {
    return this.#memory.size;
  }

  async putStream(...args: Parameters<ClusterState['putStream']>): ReturnType<ClusterState['putStream']> {
    const [definition, options] = args;
    const result = await this.#state.putStream(...args);
    if (result.created || !options?.onlyIfAbsent) this.#memory.keepDefinition(definition);
    return result;
  }

  getDefinition(streamId: string): Promise<StreamDefinition | undefined> {
    return this.#ask(async () => {
      const definition = await this.#state.getDefinition(streamId);
      if (definition) this.#memory.keepDefinition(definition);
      else if (await this.#isForgotten(streamId)) return this.#restored(streamId);
      return definition;
    }, this.#memory.definition(streamId));
  }

  getStream(streamId: string): Promise<StreamRecord | undefined> {
    return this.#ask(async () => {
      const record = await this.#state.getStream(streamId);
      if (!record) {
        if (!(await this.#isForgotten(streamId))) return undefined;
        await this.#restored(streamId);
        return this.#memory.record(streamId);
      }
      const known = this.#memory.record(streamId);
      // Epochs never go back while a store remembers; whoever owned it has only to be heard again.
      if (known && known.epoch > record.epoch && known.owner !== '' && record.owner === '') {
        await this.#lookAtGeneration();
        if (this.#hasJustForgotten) return { ...record, owner: known.owner, epoch: known.epoch };
      }
      this.#memory.keepRecord(record);
      return record;
    }, this.#memory.record(streamId));
  }

  listWorkers(): Promise<WorkerRecord[]> {
    this.#lookedAroundAt = this.#now();
    return this.#ask(async () => {
      const workers = await this.#state.listWorkers();
      const heard = new Set(workers.map(({ id }) => id));
      const unheard = (this.#workers ?? []).filter(({ id }) => !heard.has(id));
      if (unheard.length > 0) {
        await this.#lookAtGeneration();
        if (this.#hasJustForgotten) workers.push(...unheard);
      }
      this.#workers = workers.sort((a, b) => (a.id < b.id ? -1 : 1));
      return [...workers];
    }, this.#workers);
  }

  async removeStream(streamId: string): Promise<boolean> {
    const removed = await this.#state.removeStream(streamId);
    this.#memory.forget(streamId);
    return removed;
  }

  async claim(...args: Parameters<ClusterState['claim']>): ReturnType<ClusterState['claim']> {
    const claim = await this.#state.claim(...args);
    this.#memory.keepOwner(args[0], claim.owner, claim.epoch);
    return claim;
  }

  async heartbeat(beat: Heartbeat): Promise<HeartbeatReply> {
    const reply = await this.#state.heartbeat(beat);
    const isSameLife = this.#learn(reply.generation);
    for (const { streamId, owner, epoch } of [...reply.moved, ...reply.stale]) {
      this.#memory.keepOwner(streamId, owner, epoch);
    }
    // Gone in the life that memory is of: somebody removed it.
    if (isSameLife) {
      for (const streamId of reply.missing) {
        if (!this.#giveBack.isDue(streamId)) this.#memory.forget(streamId);
      }
    }
    this.#giveBack.goOn();
    const knowsSomebody = this.#workers?.some(({ role = 'worker' }) => role === 'worker') ?? false;
    if (!knowsSomebody || this.#now() - this.#lookedAroundAt >= LOOK_AROUND_MS)
      this.listWorkers().catch(() => {});
    return reply;
  }

  async removeWorker(...args: Parameters<ClusterState['removeWorker']>): Promise<boolean> {
    const removed = await this.#state.removeWorker(...args);
    if (removed) this.#workers = this.#workers?.filter(({ id }) => id !== args[0]);
    return removed;
  }

  readonly listStreams: ClusterState['listStreams'] = (...args) => this.#state.listStreams(...args);
  readonly findByMetadata: ClusterState['findByMetadata'] = (...args) => this.#state.findByMetadata(...args);
  readonly release: ClusterState['release'] = (...args) => this.#state.release(...args);
  readonly report: ClusterState['report'] = (...args) => this.#state.report(...args);
  readonly setWorkerStatus: ClusterState['setWorkerStatus'] = (...args) =>
    this.#state.setWorkerStatus(...args);
  readonly listClients: ClusterState['listClients'] = (...args) => this.#state.listClients(...args);
  readonly clientsOf: ClusterState['clientsOf'] = (...args) => this.#state.clientsOf(...args);
  readonly getClient: ClusterState['getClient'] = (...args) => this.#state.getClient(...args);
  readonly removeClients: ClusterState['removeClients'] = (...args) => this.#state.removeClients(...args);
  readonly publish: ClusterState['publish'] = (...args) => this.#state.publish(...args);
  readonly readEvents: ClusterState['readEvents'] = (...args) => this.#state.readEvents(...args);
  readonly readTimeline: ClusterState['readTimeline'] = (...args) => this.#state.readTimeline(...args);
  readonly sweep: ClusterState['sweep'] = (...args) => this.#state.sweep(...args);
  readonly orphanProcesses: ClusterState['orphanProcesses'] = (...args) =>
    this.#state.orphanProcesses(...args);
  readonly forgetProcesses: ClusterState['forgetProcesses'] = (...args) =>
    this.#state.forgetProcesses(...args);
  readonly putProvider: ClusterState['putProvider'] = (...args) => this.#state.putProvider(...args);
  readonly listProviders: ClusterState['listProviders'] = (...args) => this.#state.listProviders(...args);
  readonly removeProvider: ClusterState['removeProvider'] = (...args) => this.#state.removeProvider(...args);
  readonly takeSlot: ClusterState['takeSlot'] = (...args) => this.#state.takeSlot(...args);
  readonly promiseSlot: ClusterState['promiseSlot'] = (...args) => this.#state.promiseSlot(...args);
  readonly releaseSlots: ClusterState['releaseSlots'] = (...args) => this.#state.releaseSlots(...args);
  readonly beatSlots: ClusterState['beatSlots'] = (...args) => this.#state.beatSlots(...args);
  readonly listSlots: ClusterState['listSlots'] = (...args) => this.#state.listSlots(...args);
  readonly eventsEnd: ClusterState['eventsEnd'] = (...args) => this.#state.eventsEnd(...args);
  readonly waitForEvents: ClusterState['waitForEvents'] = (...args) => this.#state.waitForEvents(...args);
  readonly putWebhook: ClusterState['putWebhook'] = (...args) => this.#state.putWebhook(...args);
  readonly listWebhooks: ClusterState['listWebhooks'] = (...args) => this.#state.listWebhooks(...args);
  readonly removeWebhook: ClusterState['removeWebhook'] = (...args) => this.#state.removeWebhook(...args);
  readonly takeDispatch: ClusterState['takeDispatch'] = (...args) => this.#state.takeDispatch(...args);
  readonly leaveDispatch: ClusterState['leaveDispatch'] = (...args) => this.#state.leaveDispatch(...args);
  readonly keepDeadLetter: ClusterState['keepDeadLetter'] = (...args) => this.#state.keepDeadLetter(...args);
  readonly listDeadLetters: ClusterState['listDeadLetters'] = (...args) =>
    this.#state.listDeadLetters(...args);
  readonly getDeadLetter: ClusterState['getDeadLetter'] = (...args) => this.#state.getDeadLetter(...args);
  readonly removeDeadLetter: ClusterState['removeDeadLetter'] = (...args) =>
    this.#state.removeDeadLetter(...args);
  /** While the store is away viewers come, and go on: their node says so again when it is back. */
  readonly startSession: ClusterState['startSession'] = (request) =>
    this.#ask(() => this.#state.startSession(request), grantedUnheard(request));
  readonly touchSessions: ClusterState['touchSessions'] = (node, touches) =>
    this.#ask(() => this.#state.touchSessions(node, touches), renewedUnheard(touches));
  readonly endSession: ClusterState['endSession'] = (...args) => this.#state.endSession(...args);
  readonly getSession: ClusterState['getSession'] = (...args) => this.#state.getSession(...args);
  readonly listSessions: ClusterState['listSessions'] = (...args) => this.#state.listSessions(...args);
  readonly countSessions: ClusterState['countSessions'] = (...args) => this.#state.countSessions(...args);
  readonly expireSessions: ClusterState['expireSessions'] = (...args) => this.#state.expireSessions(...args);
  readonly putUser: ClusterState['putUser'] = (...args) => this.#state.putUser(...args);
  readonly getUser: ClusterState['getUser'] = (...args) => this.#state.getUser(...args);
  readonly removeUser: ClusterState['removeUser'] = (...args) => this.#state.removeUser(...args);
  readonly generation: ClusterState['generation'] = () => this.#state.generation();
  readonly exchangeSources: ClusterState['exchangeSources'] = (...args) =>
    this.#state.exchangeSources(...args);
  readonly ping: ClusterState['ping'] = () => this.#state.ping();

  async close(): Promise<void> {
    this.#giveBack.close();
    await this.#state.close();
  }

  /** The store's answer, or the remembered one if the store is away or takes too long. A late answer is still learned from. */
  #ask<T>(question: () => Promise<T>, remembered: T | undefined): Promise<T> {
    const asked = question();
    if (remembered === undefined) return asked;
    return new Promise((resolve, reject) => {
      const cancel = this.#after(this.#patienceMs, () => resolve(remembered));
      asked
        .then(resolve, (error) => {
          if (isStreampoolError(error, 'STATE_UNAVAILABLE')) resolve(remembered);
          else reject(error);
        })
        .finally(cancel);
    });
  }

  /** The store does not know a stream. True if that is because it lost its memory; else the stream was removed, and is forgotten. */
  async #isForgotten(streamId: string): Promise<boolean> {
    if (!this.#memory.definition(streamId)) {
      this.#memory.forget(streamId);
      return false;
    }
    // Looked at before anything else is waited for: it is due until the store has taken it, which is after this answer.
    if (this.#giveBack.isDue(streamId)) return true;
    await this.#lookAtGeneration();
    if (this.#giveBack.isDue(streamId)) return true;
    this.#memory.forget(streamId);
    return false;
  }

  /** Gives one stream back at once, for somebody who waits for it. */
  async #restored(streamId: string): Promise<StreamDefinition | undefined> {
    const definition = this.#memory.definition(streamId);
    if (definition) await this.#putBack(definition);
    return definition;
  }

  async #putBack(definition: StreamDefinition): Promise<void> {
    // Removed here in the meantime: gone for good.
    if (this.#memory.definition(definition.id) !== definition) return;
    await this.#state.putStream(definition, { onlyIfAbsent: true });
  }

  async #lookAtGeneration(): Promise<void> {
    this.#learn(await this.#state.generation());
  }

  get #hasJustForgotten(): boolean {
    return this.#now() - this.#forgotAt < this.#leaseMs;
  }

  /** False if the store has lost its memory since this was last asked. */
  #learn(generation: string): boolean {
    const known = this.#generation;
    this.#generation = generation;
    // A life without a name is named by its first beat, and is the same life.
    if (known === undefined || known === '' || known === generation) return true;
    this.#forgotAt = this.#now();
    this.#giveBack.begin(this.#memory.usedWithin(this.#giveBackMs));
    return false;
  }
}
