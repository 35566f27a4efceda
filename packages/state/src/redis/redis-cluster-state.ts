import { randomUUID } from 'node:crypto';
import type { RedisOptions } from 'ioredis';
import type {
  Claim,
  ClaimOptions,
  ClusterState,
  Heartbeat,
  HeartbeatReply,
  NewEvent,
  NodeEvent,
  OnlyExpired,
  Page,
  StreamReport,
  SweepSnapshot,
} from '../cluster-state.ts';
import { readStreamCursor, writeStreamCursor } from '../cursors.ts';
import { DEFAULT_CLIENT_TTL_MS, DEFAULT_LEASE_MS, eventLimit, LIMITS, pageLimit } from '../limits.ts';
import type {
  ProviderRecord,
  SlotAnswer,
  SlotBeat,
  SlotBeatReply,
  SlotPromise,
  SlotRecord,
  SlotRequest,
} from '../providers.ts';
import type {
  ClientRecord,
  ClusterEvent,
  OrphanProcess,
  StreamDefinition,
  StreamRecord,
  WorkerRecord,
  WorkerStatus,
} from '../records.ts';
import { DEFAULT_SESSION_TIMEOUT_MS } from '../sessions.ts';
import { shownData } from '../shown-stream.ts';
import { MOST_SOURCES, SOURCE_MEMORY_MS, type SourceExchange, type SourceExchangeReply } from '../sources.ts';
import type { TimelineEntry, TimelineSubject } from '../timeline/entry.ts';
import type { DeadLetter, NewWebhook } from '../webhooks.ts';
import { clientsOf, getClient, listClients } from './clients.ts';
import { Connection, redisPlace, type ScriptCall } from './connection.ts';
import { EventWait } from './event-wait.ts';
import { checkPlace, eventsEnd, readEvents, toEvent } from './events.ts';
import {
  clientChange,
  definitionChange,
  hashOf,
  metadataIndex,
  reportChange,
  toOrphanProcess,
  toStream,
  toWorker,
} from './hashes.ts';
import { RedisSessions } from './sessions.ts';
import { inOrder, type SlotRow, slotArguments, toProviders, toSlot } from './slots.ts';
import { readSweep, type SweptRows } from './sweep.ts';
import { entryArgument, readTimeline } from './timelines.ts';
import { Webhooks } from './webhooks.ts';

export interface RedisStateOptions {
  /** See `parseRedisUrl`. */
  readonly url: string;
  /** Put before the name of every key, for a Redis that others use too; '' by default. */
  readonly prefix?: string;
  /** A worker that is silent for this long is dead, and what it owns is free; ms. */
  readonly leaseMs?: number;
  /** A viewer that its node has not spoken of for this long is gone; ms. */
  readonly clientTtlMs?: number;
  /** A viewing session of which nothing is heard for this long has expired; ms. */
  readonly sessionTimeoutMs?: number;
  /** The longest a call takes before it fails; ms. */
  readonly timeoutMs?: number;
  readonly tls?: RedisOptions['tls'];
  /** For tests: Lua in the place of an include of the scripts, by its name. */
  readonly includes?: Readonly<Record<string, string>>;
}

/** Viewers that one script handles: a script holds up everybody else, so each takes a few ms at most. */
const CLIENTS_PER_STEP = 500;

/**
 * {@link ClusterState} in one Redis (with replicas and sentinels, not Redis Cluster), for any number of nodes.
 * Every multi-step change is one Lua script; the scripts' clock is Redis TIME. Steps over many viewers are cut into
 * several scripts, each of which leaves the records true.
 */
export class RedisClusterState implements ClusterState {
  readonly #redis: Connection;
  readonly #leaseMs: number;
  readonly #clientTtlMs: number;
  readonly #sessions: RedisSessions;
  readonly #eventWait: EventWait;
  readonly #webhooks: Webhooks;

  /** Starts to connect; calls wait for the first connection within their deadline. @throws StreampoolError CONFIG_INVALID */
  constructor(options: RedisStateOptions) {
    const { url, prefix = '', timeoutMs = 2_000, tls, includes } = options;
    this.#leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
    this.#clientTtlMs = options.clientTtlMs ?? DEFAULT_CLIENT_TTL_MS;
    this.#redis = new Connection({
      url,
      prefix,
      timeoutMs,
      ...(tls && { tls }),
      ...(includes && { includes }),
    });
    this.#sessions = new RedisSessions(
      this.#redis,
      this.#leaseMs,
      options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS,
    );
    this.#eventWait = new EventWait({ place: redisPlace(url, tls), key: `${prefix}events`, timeoutMs });
    this.#webhooks = new Webhooks(this.#redis);
  }

  async putStream(
    given: StreamDefinition,
    { onlyIfAbsent = false }: { onlyIfAbsent?: boolean } = {},
  ): Promise<{ created: boolean }> {
    const { createdAtMs, ...definition } = given;
    const created = await this.#redis.run(
      'put-stream',
      given.id,
      JSON.stringify(definition),
      Math.round(createdAtMs),
      JSON.stringify(definitionChange(given)),
      onlyIfAbsent ? '1' : '',
    );
    return { created: created === 1 };
  }

  async getDefinition(streamId: string): Promise<StreamDefinition | undefined> {
    const key = `${this.#redis.prefix}definition:${streamId}`;
    const [definition, createdAtMs] = await this.#redis.command((redis) =>
      redis.hmget(key, 'definition', 'created_at_ms'),
    );
    if (!definition) return undefined;
    return { ...JSON.parse(definition), createdAtMs: Number(createdAtMs) };
  }

  async getStream(streamId: string): Promise<StreamRecord | undefined> {
    const hash = await this.#redis.command((redis) =>
      redis.hgetall(`${this.#redis.prefix}stream:${streamId}`),
    );
    return hash.kind === undefined ? undefined : toStream(streamId, hash);
  }

  async listStreams(page: { after?: string; limit?: number } = {}): Promise<Page<StreamRecord>> {
    const limit = pageLimit(page.limit);
    const after = page.after === undefined ? undefined : readStreamCursor(page.after);
    const rows = (await this.#redis.run(
      'list-streams',
      limit + 1,
      after?.lastAccessMs ?? '',
      after?.id ?? '',
    )) as [id: string, lastAccess: string, hash: string][];
    const items = rows.slice(0, limit).map(([id, , hash]) => toStream(id, hashOf(JSON.parse(hash))));
    const last = rows[limit - 1];
    if (rows.length <= limit || !last) return { items };
    return { items, next: writeStreamCursor({ id: last[0], lastAccessMs: Number(last[1]) }) };
  }

  async findByMetadata(field: string, value: string): Promise<StreamRecord[]> {
    const { prefix } = this.#redis;
    const ids = await this.#redis.command((redis) =>
      redis.smembers(`${prefix}metadata:${metadataIndex(field, value)}`),
    );
    const hashes = (await this.#redis.pipeline((pipeline) => {
      for (const id of ids) pipeline.hgetall(`${prefix}stream:${id}`);
    })) as Record<string, string>[];
    return hashes
      .flatMap((hash, i) => (hash.kind === undefined ? [] : [toStream(ids[i] as string, hash)]))
      .sort((a, b) => b.lastAccessMs - a.lastAccessMs || (a.id < b.id ? 1 : -1));
  }

  async removeStream(streamId: string): Promise<boolean> {
    return this.#inSteps(['remove-stream', streamId, CLIENTS_PER_STEP]);
  }

  async claim(
    streamId: string,
    worker: { id: string; host: string },
    options: ClaimOptions = {},
  ): Promise<Claim> {
    const [granted, owner, epoch, continues] = (await this.#redis.run(
      'claim',
      streamId,
      worker.id,
      worker.host,
      this.#leaseMs,
      options.deposes ?? '',
    )) as [number, string, number, number?];
    return { granted: granted === 1, owner, epoch, ...(continues === 1 && { continues: true }) };
  }

  async release(streamId: string, epoch: number, options: OnlyExpired = {}): Promise<boolean> {
    const lease = options.onlyExpired ? this.#leaseMs : '';
    return (await this.#redis.run('release', streamId, epoch, lease)) === 1;
  }

  async report(report: StreamReport): Promise<void> {
    await this.#redis.run('report', JSON.stringify(reportChange(report)), this.#leaseMs);
  }

  async heartbeat(beat: Heartbeat): Promise<HeartbeatReply> {
    const { worker } = beat;
    // Tells two lives of one worker id apart, without comparing anybody's clock.
    const process = `${worker.host}/${worker.pid}/${worker.startedAtMs}`;
    const said = {
      worker,
      process,
      streams: beat.streams.map(reportChange),
      follows: (beat.follows ?? []).map(({ streamId, epoch }) => [streamId, epoch]),
      events: (beat.events ?? []).map(nodeEventArguments),
      timeline: (beat.timeline ?? []).map(entryArgument),
    };
    // A fresh name each time: the same process may beat first in two lives of the data.
    const calls: ScriptCall[] = [['beat', JSON.stringify(said), this.#leaseMs, randomUUID()]];
    for (const some of chunks(beat.clients)) {
      const clients = JSON.stringify(some.map(clientChange));
      calls.push(['touch-clients', worker.id, process, this.#clientTtlMs, this.#leaseMs, clients]);
    }
    const touches = calls.length - 1;
    for (const some of chunks(beat.gone)) {
      const pairs = some.map(({ streamId, clientId }) => [streamId, clientId]);
      calls.push(['remove-clients', worker.id, '', JSON.stringify(pairs)]);
    }
    const [reply, ...rest] = (await this.#redis.runAll(calls, { patient: true })) as [
      [number, string, WorkerStatus, string[], OwnerRow[], OwnerRow[]],
      ...string[][],
    ];
    const [nowMs, generation, status, missingStreams, stale, moved] = reply;
    const missing = new Set([...missingStreams, ...rest.slice(0, touches).flat()]);
    return {
      nowMs,
      generation,
      status,
      missing: [...missing],
      stale: stale.map(ownerOf),
      moved: moved.map(ownerOf),
    };
  }

  async listWorkers(): Promise<WorkerRecord[]> {
    const [workers, dead] = (await this.#redis.run('list-workers', this.#leaseMs)) as [string[], string[]];
    const silent = new Set(dead);
    return workers
      .map(toWorker)
      .map((worker) => ({ ...worker, alive: !silent.has(worker.id) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async removeWorker(workerId: string, options: OnlyExpired = {}): Promise<boolean> {
    return this.#inSteps([
      'remove-worker',
      workerId,
      this.#leaseMs,
      options.onlyExpired ? '1' : '',
      CLIENTS_PER_STEP,
    ]);
  }

  async setWorkerStatus(workerId: string, status: WorkerStatus): Promise<boolean> {
    return (await this.#redis.run('set-worker-status', workerId, status)) === 1;
  }

  async listClients(
    filter: { streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<ClientRecord>> {
    return listClients(this.#redis, filter);
  }

  async clientsOf(clientId: string): Promise<ClientRecord[]> {
    return clientsOf(this.#redis, clientId);
  }

  async getClient(clientId: string): Promise<ClientRecord | undefined> {
    return getClient(this.#redis, clientId);
  }

  async removeClients(
    clients: readonly { streamId: string; clientId: string }[],
    options: OnlyExpired = {},
  ): Promise<number> {
    const calls = chunks(clients).map((some): ScriptCall => {
      const pairs = some.map(({ streamId, clientId }) => [streamId, clientId]);
      return ['remove-clients', '', options.onlyExpired ? this.#leaseMs : '', JSON.stringify(pairs)];
    });
    const removed = (await this.#redis.runAll(calls)) as number[];
    return removed.reduce((sum, count) => sum + count, 0);
  }

  async publish(event: NewEvent): Promise<void> {
    await this.#redis.run('publish', ...eventArguments(event));
  }

  async readEvents(
    query: { after?: string; limit?: number; streamId?: string } = {},
  ): Promise<ClusterEvent[]> {
    return readEvents(this.#redis, query);
  }

  async eventsEnd(): Promise<string> {
    return eventsEnd(this.#redis);
  }

  async waitForEvents(query: { after: string; limit?: number; waitMs: number }): Promise<ClusterEvent[]> {
    checkPlace(query.after);
    const limit = Math.min(eventLimit(query.limit), LIMITS.eventsRead);
    const entries = await this.#eventWait.wait(query.after, limit, query.waitMs);
    return entries.map(([id, fields]) => toEvent(id, hashOf(fields)));
  }

  readonly putWebhook = (webhook: NewWebhook) => this.#webhooks.putWebhook(webhook);
  readonly listWebhooks = () => this.#webhooks.listWebhooks();
  readonly removeWebhook = (webhookId: string) => this.#webhooks.removeWebhook(webhookId);
  readonly takeDispatch: ClusterState['takeDispatch'] = (turn) => this.#webhooks.takeDispatch(turn);
  readonly leaveDispatch = (by: string) => this.#webhooks.leaveDispatch(by);
  readonly keepDeadLetter: ClusterState['keepDeadLetter'] = (letter) => this.#webhooks.keepDeadLetter(letter);
  readonly listDeadLetters: ClusterState['listDeadLetters'] = (filter) =>
    this.#webhooks.listDeadLetters(filter);
  readonly getDeadLetter = (id: string): Promise<DeadLetter | undefined> => this.#webhooks.getDeadLetter(id);
  readonly removeDeadLetter = (id: string) => this.#webhooks.removeDeadLetter(id);

  async readTimeline(subject: TimelineSubject): Promise<TimelineEntry[]> {
    return readTimeline(this.#redis, subject);
  }

  async sweep(): Promise<SweepSnapshot> {
    const { sweepWorkers, sweepOrphans, sweepClients } = LIMITS;
    const rows = await this.#redis.run('sweep', this.#leaseMs, sweepWorkers, sweepOrphans, sweepClients);
    return readSweep(this.#redis, rows as SweptRows);
  }

  async orphanProcesses(host: string): Promise<OrphanProcess[]> {
    const all = await this.#redis.command((redis) =>
      redis.hvals(`${this.#redis.prefix}host:${host}:orphans`),
    );
    return all.map((json) => toOrphanProcess(host, json)).sort((a, b) => a.sinceMs - b.sinceMs);
  }

  async forgetProcesses(host: string, pids: readonly number[]): Promise<void> {
    if (pids.length === 0) return;
    const key = `${this.#redis.prefix}host:${host}:orphans`;
    await this.#redis.command((redis) => redis.hdel(key, ...pids.map(String)));
  }

  async putProvider(provider: ProviderRecord, { onlyIfAbsent = false } = {}): Promise<boolean> {
    const record = JSON.stringify(provider);
    return (await this.#redis.run('put-provider', provider.id, record, onlyIfAbsent ? '1' : '')) === 1;
  }

  async listProviders(): Promise<ProviderRecord[]> {
    const key = `${this.#redis.prefix}providers`;
    return toProviders(await this.#redis.command((redis) => redis.hvals(key)));
  }

  async removeProvider(providerId: string): Promise<boolean> {
    return (await this.#redis.run('remove-provider', providerId)) === 1;
  }

  async takeSlot({ providerId, lease, holder }: SlotRequest): Promise<SlotAnswer> {
    const [granted, provider, rows] = (await this.#redis.run(
      'take-slot',
      providerId,
      lease,
      JSON.stringify(holder),
      this.#leaseMs,
    )) as [1] | [0, string, SlotRow[]];
    if (granted) return { granted: true };
    return { granted: false, provider: JSON.parse(provider), slots: inOrder(rows.map(toSlot)) };
  }

  async promiseSlot({ providerId, lease, heir, forMs }: SlotPromise): Promise<boolean> {
    const holder = JSON.stringify(heir.holder);
    const promised = await this.#redis.run(
      ...['promise-slot' as const, providerId, lease, heir.lease, holder, forMs, this.#leaseMs],
    );
    return promised === 1;
  }

  async releaseSlots(slots: readonly { providerId: string; lease: string }[]): Promise<void> {
    if (slots.length === 0) return;
    const pairs = JSON.stringify(slots.map(({ providerId, lease }) => [providerId, lease]));
    await this.#redis.run('release-slots', pairs, this.#leaseMs);
  }

  async beatSlots({ node, life, isFirst = false, held, released }: SlotBeat): Promise<SlotBeatReply> {
    const gone = released.map(({ providerId, lease }) => [providerId, lease]);
    const said = { node, life, first: isFirst, held: [], released: gone };
    const calls = [said, ...chunks(held).map((some) => beatOf(node, life, some))].map(
      (part): ScriptCall => ['beat-slots', JSON.stringify(part), this.#leaseMs],
    );
    const replies = (await this.#redis.runAll(calls)) as [string[], string][];
    const [providers, generation] = replies.at(-1)!;
    return { providers: toProviders(providers), generation };
  }

  async exchangeSources({ node, reports, since = 0, probeMs }: SourceExchange): Promise<SourceExchangeReply> {
    const said = JSON.stringify(reports);
    const [nowMs, rows] = (await this.#redis.run(
      ...['exchange-sources' as const, node, said, since, probeMs, SOURCE_MEMORY_MS, MOST_SOURCES],
    )) as [number, [string, number, number, number, string, number][]];
    const sources = rows.map(([key, failures, open, waitMs, probe, probeLeftMs]) => ({
      ...{ key, failures, isOpen: open === 1, waitMs, probe, probeMs: probeLeftMs },
    }));
    return { nowMs, sources };
  }

  async listSlots(providerId: string): Promise<SlotRecord[]> {
    const rows = (await this.#redis.run('list-slots', providerId, this.#leaseMs)) as SlotRow[];
    return inOrder(rows.map(toSlot));
  }

  readonly startSession: ClusterState['startSession'] = (...args) => this.#sessions.startSession(...args);
  readonly touchSessions: ClusterState['touchSessions'] = (...args) => this.#sessions.touchSessions(...args);
  readonly endSession: ClusterState['endSession'] = (...args) => this.#sessions.endSession(...args);
  readonly getSession: ClusterState['getSession'] = (...args) => this.#sessions.getSession(...args);
  readonly listSessions: ClusterState['listSessions'] = (...args) => this.#sessions.listSessions(...args);
  readonly countSessions: ClusterState['countSessions'] = (...args) => this.#sessions.countSessions(...args);
  readonly expireSessions: ClusterState['expireSessions'] = (...args) =>
    this.#sessions.expireSessions(...args);
  readonly putUser: ClusterState['putUser'] = (...args) => this.#sessions.putUser(...args);
  readonly getUser: ClusterState['getUser'] = (...args) => this.#sessions.getUser(...args);
  readonly removeUser: ClusterState['removeUser'] = (...args) => this.#sessions.removeUser(...args);

  async generation(): Promise<string> {
    const generation = await this.#redis.command((redis) =>
      redis.hget(`${this.#redis.prefix}meta`, 'generation'),
    );
    return generation ?? '';
  }

  async ping(): Promise<void> {
    await this.#redis.command((redis) => redis.ping());
  }

  async close(): Promise<void> {
    this.#eventWait.close();
    await this.#redis.close();
  }

  /** Runs a script until it says that nothing is left to be done (2), or that there was nothing (0). */
  async #inSteps(call: ScriptCall): Promise<boolean> {
    for (;;) {
      const outcome = await this.#redis.run(...call);
      if (outcome !== 1) return outcome === 2;
    }
  }
}

/** Some of a node's slots, for one step of beat-slots.lua. */
function beatOf(node: string, life: string, held: readonly SlotRequest[]): Record<string, unknown> {
  return { node, life, first: false, held: held.map(slotArguments), released: [] };
}

/** How beat.lua tells of a stream's owner. */
type OwnerRow = [streamId: string, owner: string, epoch: number];

function ownerOf([streamId, owner, epoch]: OwnerRow): { streamId: string; owner: string; epoch: number } {
  return { streamId, owner, epoch };
}

function eventArguments({ type, streamId, data }: NewEvent): [string, string, string] {
  return [type, streamId, JSON.stringify(shownData(data))];
}

/** As beat.lua takes them. */
function nodeEventArguments({ presence, ...event }: NodeEvent): string[] {
  const plain = eventArguments(event);
  return presence ? [...plain, presence.clientId, presence.does, presence.visit] : plain;
}

function chunks<T>(items: readonly T[]): T[][] {
  const cut: T[][] = [];
  for (let i = 0; i < items.length; i += CLIENTS_PER_STEP) cut.push(items.slice(i, i + CLIENTS_PER_STEP));
  return cut;
}
