import { randomBytes } from 'node:crypto';
import { isStreampoolError } from '@streampool/errors';
import type { ClusterState, ProviderRecord, ProviderState, SlotAnswer } from '@streampool/state';
import type { StreamEngine } from '@streampool/streaming';
import { type Clock, systemClock } from '@streampool/streaming';
import type { ConnectionHolder, ConnectionSlots, Slot } from '@streampool/upstream';
import type { Logger } from 'pino';
import { type HeldSlot, HeldSlots, recordOf, requestOf } from './held-slots.ts';
import { ProviderHosts } from './provider-hosts.ts';
import { type Choice, chooseSlot, type NodeSight, type Sight, type Way } from './slot-choice.ts';
import type { GiveWay, LocalSlots } from './slot-door.ts';
import { providerLimit } from './slot-limit.ts';
import type { SlotPeers } from './slot-peers.ts';

export interface SlotKeeperOptions {
  /** This node, and no other at the same time. */
  readonly node: string;
  readonly state: ProviderState & Pick<ClusterState, 'generation'>;
  /** Asked late: the engine is made after the client that the slots belong to. */
  readonly engine: () => Pick<StreamEngine, 'audience' | 'pools' | 'stop'>;
  readonly log: Logger;
  /** Between two beats, which renew all slots at once; at most a third of the store's lease; ms. */
  readonly heartbeatMs: number;
  /** Of the settings: put into the store, and known before it answers. */
  readonly providers?: readonly ProviderRecord[];
  /** Absent: there are no other nodes. */
  readonly peers?: SlotPeers;
  /** Told when a connection has gone over from one stream to another, for their timelines. */
  readonly onHandOver?: (handOver: HandOver) => void;
  /** How long somebody waits for a slot; ms. */
  readonly waitMs?: number;
  readonly clock?: Clock;
}

/** A provider's connection that went over to a stream for which there was none. */
export interface HandOver {
  readonly provider: string;
  readonly way: Way;
  /** Streams. */
  readonly from: string;
  readonly to: string;
}

/** What a node did with the slots of one provider, since it started. */
export interface ProviderFigures {
  readonly id: string;
  readonly maxConnections: number;
  readonly held: number;
  readonly refusals: number;
  /** Slots that came here from a stream that gave way to a viewer's zapping, or that nobody watched. */
  readonly handOvers: number;
  readonly preemptions: number;
}

const WAIT_MS = 3_000;
const RETRY_MS = 100;
/** Between two looks at who uses the slots: everybody is asked. */
const LOOK_MS = 400;
/** A promise outlives the wait for its slot by this: the heir has to come for it. */
const PROMISE_GRACE_MS = 2_000;

type Counts = Record<'refusals' | 'handOvers' | 'preemptions', number>;

/**
 * Counts this node's provider connections: each is a lease in the store, taken before it is opened and given back when its
 * socket is closed. At the limit it finds out whose slot costs viewers least, has that connection ended, and takes its
 * place; nobody can come between. While the store is away streams that play go on, and what is opened then is counted
 * against this node's own connections; the store learns of it with the next beat.
 *
 * Teardown: `close` after the engine and the door have been closed.
 */
export class SlotKeeper implements ConnectionSlots, LocalSlots {
  readonly #options: SlotKeeperOptions;
  readonly #clock: Clock;
  readonly #life = randomBytes(4).toString('hex');
  readonly #slots: HeldSlots;
  readonly #counts = new Map<string, Counts>();
  #providers: readonly ProviderRecord[];
  #hosts: ProviderHosts;
  #generation = '';
  #isSeeded = false;
  /** The store has heard of this life. */
  #isKnown = false;
  /** Given back while the store was away. */
  #untold: HeldSlot[] = [];
  /** A beat under way says what is held: what is given back meanwhile is told after it. */
  #beating: Promise<void> = Promise.resolve();
  #cancelBeat: () => void = () => {};
  #closed = false;
  readonly #closing = new AbortController();

  constructor(options: SlotKeeperOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#slots = new HeldSlots(options.node, this.#life, () => this.#clock.wallNow());
    this.#providers = options.providers ?? [];
    this.#hosts = new ProviderHosts(this.#providers);
  }

  /** Puts the settings' providers into the store and learns of the others. Goes on beating whether that was heard or not. */
  async start(): Promise<void> {
    await this.refresh();
  }

  /** Beats now: the providers have changed. Never rejects. */
  async refresh(): Promise<void> {
    if (this.#closed) return;
    this.#cancelBeat();
    await this.#beat();
    this.#cancelBeat();
    if (!this.#closed)
      this.#cancelBeat = this.#clock.after(this.#options.heartbeatMs, () => void this.refresh());
  }

  figures(): ProviderFigures[] {
    return this.#providers.map(({ id, maxConnections }) => ({
      ...{ id, maxConnections, held: this.#slots.held(id).length },
      ...this.#countsOf(id),
    }));
  }

  acquire(
    { url, holder }: { readonly url: string; readonly holder?: ConnectionHolder },
    { signal, patienceMs }: { readonly signal?: AbortSignal | undefined; readonly patienceMs?: number } = {},
  ): Promise<Slot> | undefined {
    const provider = this.#hosts.find(url, holder?.providerId);
    if (!provider) return undefined;
    const longestMs = (this.#options.waitMs ?? WAIT_MS) + (provider.settleMs ?? 0);
    const waitMs = holder?.beside ? 0 : Math.min(longestMs, patienceMs ?? longestMs);
    return this.#acquire(provider, holder, waitMs, signal);
  }

  sight(streamIds: readonly string[]): NodeSight {
    const engine = this.#options.engine();
    const here = new Set(engine.pools().map(({ streamId }) => streamId));
    // Where players of HLS wait for another node's first answer, nothing of the stream runs yet.
    const known = streamIds
      .map((streamId) => [streamId, engine.audience(streamId)] as const)
      .filter(([streamId, audience]) => here.has(streamId) || audience.length > 0);
    return { node: this.#options.node, leases: this.#slots.leases, audiences: Object.fromEntries(known) };
  }

  async giveWay({ streamId, lease, way, reason }: GiveWay): Promise<boolean> {
    const { engine, log } = this.#options;
    const slot = lease === '' ? undefined : this.#slots.get(lease);
    if (lease !== '' && !slot) return true;
    // Somebody may have come since it was looked at.
    if (way === 'idle' && !slot?.holder.viewer && engine().audience(streamId).length > 0) return false;
    log.info({ streamId, lease, way, reason }, 'a stream makes way for another one of its provider');
    if (!slot) {
      await engine().stop(streamId);
      return true;
    }
    if (!slot.end) return false;
    slot.end(reason);
    return this.#within(slot.gone, WAIT_MS + this.#settleMsOf(slot));
  }

  /** Idempotent. Tells the store what it has not been told; never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelBeat();
    const settling = this.#slots.held().filter(({ state }) => state === 'settling');
    this.#closing.abort();
    await Promise.all(settling.map(({ gone }) => gone));
    await this.#beat();
  }

  async #acquire(
    provider: ProviderRecord,
    holder: ConnectionHolder | undefined,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Slot> {
    const slot = this.#slots.add(provider.id, holder);
    try {
      await this.#win(slot, waitMs, signal);
    } catch (error) {
      void this.#release(slot);
      throw error;
    }
    slot.state = 'held';
    return { release: () => void this.#release(slot) };
  }

  /** Until there is a slot, or no more time. @throws StreampoolError PROVIDER_LIMIT, the signal's reason */
  async #win(slot: HeldSlot, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const deadlineMs = this.#clock.now() + waitMs;
    let lookedMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      signal?.throwIfAborted();
      const answer = await this.#take(slot);
      if (answer.granted) return;
      const leftMs = deadlineMs - this.#clock.now();
      if (leftMs <= 0 || answer.provider.maxConnections === 0) {
        this.#countsOf(slot.providerId).refusals += 1;
        throw providerLimit(answer.provider, answer.slots);
      }
      if (this.#clock.now() - lookedMs >= LOOK_MS) {
        lookedMs = this.#clock.now();
        if (await this.#makeRoom(slot, answer, leftMs, signal)) continue;
      }
      await this.#pause(Math.min(RETRY_MS, leftMs), signal);
    }
  }

  async #take(slot: HeldSlot): Promise<SlotAnswer> {
    await this.#beating;
    try {
      return await this.#options.state.takeSlot(requestOf(slot));
    } catch (error) {
      if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) throw error;
      const provider = this.#providers.find(({ id }) => id === slot.providerId);
      const held = this.#slots.held(slot.providerId);
      if (!provider || held.length < provider.maxConnections) return { granted: true };
      return { granted: false, provider, slots: held.map(recordOf) };
    }
  }

  /** True if somebody has given way. Never rejects but for the signal. */
  async #makeRoom(
    slot: HeldSlot,
    { provider, slots }: Extract<SlotAnswer, { granted: false }>,
    leftMs: number,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const streamIds = [...new Set([slot.holder.streamId, ...slots.map(({ streamId }) => streamId)])];
    const sight = await this.#look(slots, streamIds);
    signal?.throwIfAborted();
    const choice = chooseSlot({ lease: slot.lease, holder: slot.holder, preempt: provider.preempt }, sight);
    if (!choice) return false;
    const heir = { lease: slot.lease, holder: slot.holder };
    const { providerId } = slot;
    const promise = {
      providerId,
      lease: choice.slot.lease,
      heir,
      forMs: Math.ceil(leftMs) + PROMISE_GRACE_MS,
    };
    const isOurs = await this.#options.state.promiseSlot(promise).catch(() => choice.way !== 'lost');
    if (!isOurs || !(await this.#end(slot, choice, sight, leftMs))) return false;
    const counts = this.#countsOf(providerId);
    if (choice.way === 'preempt') counts.preemptions += 1;
    else if (choice.way !== 'lost') counts.handOvers += 1;
    const { streamId, node } = choice.slot;
    const to = slot.holder.streamId;
    this.#options.onHandOver?.({ provider: providerId, way: choice.way, from: streamId, to });
    this.#options.log.info(
      { provider: providerId, way: choice.way, from: streamId, to: slot.holder.streamId, node },
      'a provider connection has gone over to another stream',
    );
    return true;
  }

  async #look(slots: Sight['slots'], streamIds: readonly string[]): Promise<Sight> {
    const here = this.sight(streamIds);
    const others = await this.#options.peers?.look(streamIds);
    return {
      slots,
      nodes: [here, ...(others?.nodes ?? [])],
      gone: others?.gone ?? new Set(),
      isPartial: others?.isPartial ?? false,
    };
  }

  /** Has the connection ended, its stream first at the nodes that only play it on: they would ask for it again. */
  async #end(slot: HeldSlot, { slot: other, way }: Choice, sight: Sight, leftMs: number): Promise<boolean> {
    const { state, node: self, peers } = this.#options;
    const { streamId, lease, node, viewer } = other;
    if (way === 'lost') {
      const released = state.releaseSlots([{ providerId: slot.providerId, lease }]);
      return released.then(
        () => true,
        () => false,
      );
    }
    const reason = `it made way for another stream of the provider ${slot.providerId} (${WHY[way]})`;
    const order = (at: string, which: string): Promise<boolean> => {
      const said: GiveWay = { streamId, lease: which, way, reason };
      if (at === self) return this.giveWay(said);
      return peers?.giveWay(at, said, leftMs) ?? Promise.resolve(false);
    };
    if (!viewer) {
      const players = sight.nodes.filter((one) => one.node !== node && one.audiences[streamId]);
      const done = await Promise.all(players.map((player) => order(player.node, '')));
      if (done.includes(false)) return false;
    }
    return order(node, lease);
  }

  async #release(slot: HeldSlot): Promise<void> {
    if (slot.state === 'settling' || slot.state === 'released') return;
    const settleMs = slot.state === 'held' ? this.#settleMsOf(slot) : 0;
    slot.state = 'settling';
    if (settleMs > 0 && !this.#closed) await this.#pause(settleMs, this.#closing.signal);
    slot.state = 'released';
    this.#slots.remove(slot);
    await this.#beating;
    const { providerId, lease } = slot;
    await this.#options.state.releaseSlots([{ providerId, lease }]).catch(() => this.#untold.push(slot));
    slot.settle();
  }

  #beat(): Promise<void> {
    const beat = this.#beating.then(() => this.#tell());
    this.#beating = beat;
    return beat;
  }

  async #tell(): Promise<void> {
    const { state, node, log } = this.#options;
    const untold = this.#untold;
    this.#untold = [];
    try {
      if (!this.#isSeeded) await this.#seed();
      const reply = await state.beatSlots({
        ...{ node, life: this.#life, isFirst: !this.#isKnown },
        held: this.#slots.held().map(requestOf),
        released: untold.map(({ providerId, lease }) => ({ providerId, lease })),
      });
      this.#isKnown = true;
      const hasForgotten = this.#generation !== '' && reply.generation !== this.#generation;
      this.#generation = reply.generation;
      if (hasForgotten && !this.#closed) await this.#giveBack();
      this.#learn(hasForgotten ? await state.listProviders() : reply.providers);
    } catch (error) {
      this.#untold = [...untold, ...this.#untold];
      if (!isStreampoolError(error, 'STATE_UNAVAILABLE')) {
        log.error({ err: error }, 'the state could not take what this node says of its provider connections');
      }
    }
  }

  #learn(providers: readonly ProviderRecord[]): void {
    this.#providers = providers;
    this.#hosts = new ProviderHosts(providers);
  }

  async #seed(): Promise<void> {
    const { state, providers = [], log } = this.#options;
    for (const provider of providers) {
      if (await state.putProvider(provider)) continue;
      log.info(
        { provider: provider.id },
        'PROVIDERS gives way to what was said of this provider through the API',
      );
    }
    this.#isSeeded = true;
  }

  /** To a store that lost its memory. */
  async #giveBack(): Promise<void> {
    for (const provider of this.#providers) {
      await this.#options.state.putProvider(provider, { onlyIfAbsent: true });
    }
    await this.#options.state.beatSlots({
      ...{ node: this.#options.node, life: this.#life, released: [] },
      held: this.#slots.held().map(requestOf),
    });
  }

  #settleMsOf({ providerId }: HeldSlot): number {
    return this.#providers.find(({ id }) => id === providerId)?.settleMs ?? 0;
  }

  #countsOf(providerId: string): Counts {
    const counts = this.#counts.get(providerId) ?? { refusals: 0, handOvers: 0, preemptions: 0 };
    this.#counts.set(providerId, counts);
    return counts;
  }

  #pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(ms, done);
      signal?.addEventListener('abort', done);
    });
  }

  async #within(work: Promise<void>, ms: number): Promise<boolean> {
    let cancel = (): void => {};
    const late = new Promise<boolean>((resolve) => {
      cancel = this.#clock.after(ms, () => resolve(false));
    });
    const done = await Promise.race([work.then(() => true), late]);
    cancel();
    return done;
  }
}

const WHY = {
  idle: 'nobody watched it',
  zap: 'its viewer asked for that one',
  preempt: 'it has a lower priority',
} as const;
