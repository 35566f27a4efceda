import type {
  Claim,
  ClaimOptions,
  ClusterState,
  Heartbeat,
  HeartbeatReply,
  NewEvent,
  OnlyExpired,
  Page,
  StreamReport,
  SweepSnapshot,
} from '../cluster-state.ts';
import { DEFAULT_CLIENT_TTL_MS, DEFAULT_LEASE_MS, LIMITS } from '../limits.ts';
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
import { staleEpoch, streamNotFound, workerIdTaken } from '../refusals.ts';
import { DEFAULT_SESSION_TIMEOUT_MS } from '../sessions.ts';
import type { SourceExchange, SourceExchangeReply } from '../sources.ts';
import type { TimelineEntry, TimelineSubject } from '../timeline/entry.ts';
import type { DeadLetter, DispatchTurn, NewWebhook, WebhookRecord } from '../webhooks.ts';
import { ClientsTable } from './clients-table.ts';
import { Connection } from './connection.ts';
import { EventWait } from './event-wait.ts';
import { EventsTable } from './events-table.ts';
import { Listening } from './listening.ts';
import { OrphanProcessesTable } from './orphan-processes-table.ts';
import { Ownership } from './ownership.ts';
import { ProvidersTable } from './providers-table.ts';
import { SourcesTable } from './sources-table.ts';
import { SqliteSessions } from './sqlite-sessions.ts';
import { StreamsTable, toRecord } from './streams-table.ts';
import { TimelineTable } from './timeline-table.ts';
import { WebhooksTable } from './webhooks-table.ts';
import { WorkersTable } from './workers-table.ts';

export interface SqliteStateOptions {
  /** The file; made with its directory if it is not there. `:memory:` for tests. */
  readonly path: string;
  /** A worker that is silent for this long is dead, and what it owns is free; ms. */
  readonly leaseMs?: number;
  /** A viewer that its node has not spoken of for this long is gone; ms. */
  readonly clientTtlMs?: number;
  /** A viewing session of which nothing is heard for this long has expired; ms. */
  readonly sessionTimeoutMs?: number;
  /** How long a step waits for another process's transaction; ms. */
  readonly busyTimeoutMs?: number;
  /** The store's clock for tests, in ms since the epoch. */
  readonly now?: () => number;
}

/**
 * {@link ClusterState} in one SQLite file, for one process or several of one host.
 * It works on the calling thread; {@link openSqliteState} puts it on one of its own, away from the delivery of media.
 */
export class SqliteClusterState implements ClusterState {
  readonly #connection: Connection;
  readonly #leaseMs: number;
  readonly #streams: StreamsTable;
  readonly #clients: ClientsTable;
  readonly #workers: WorkersTable;
  readonly #events: EventsTable;
  readonly #timeline: TimelineTable;
  readonly #orphanProcesses: OrphanProcessesTable;
  readonly #providers: ProvidersTable;
  readonly #sources: SourcesTable;
  readonly #sessions: SqliteSessions;
  readonly #webhooks: WebhooksTable;
  readonly #eventWait = new EventWait();
  readonly #listening: Listening;
  readonly #ownership: Ownership;
  readonly #generation: string;

  /** @throws StreampoolError CONFIG_INVALID (the file is damaged, foreign or unwritable), STATE_UNAVAILABLE */
  constructor(options: SqliteStateOptions) {
    const { path, now } = options;
    const busyTimeoutMs = options.busyTimeoutMs ?? 5_000;
    const connection = new Connection({ path, busyTimeoutMs, ...(now && { now }) });
    this.#connection = connection;
    this.#leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
    this.#streams = new StreamsTable(connection);
    this.#clients = new ClientsTable(connection, options.clientTtlMs ?? DEFAULT_CLIENT_TTL_MS);
    this.#workers = new WorkersTable(connection);
    this.#events = new EventsTable(connection);
    this.#timeline = new TimelineTable(connection);
    this.#orphanProcesses = new OrphanProcessesTable(connection);
    this.#sources = new SourcesTable(connection);
    this.#webhooks = new WebhooksTable(connection);
    this.#providers = new ProvidersTable(connection, this.#leaseMs);
    this.#listening = new Listening(connection, this.#leaseMs);
    this.#sessions = new SqliteSessions({
      ...{ connection, events: this.#events, listening: this.#listening },
      timeoutMs: options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS,
    });
    this.#ownership = new Ownership({
      connection,
      streams: this.#streams,
      workers: this.#workers,
      orphanProcesses: this.#orphanProcesses,
      events: this.#events,
      timeline: this.#timeline,
      listening: this.#listening,
      leaseMs: this.#leaseMs,
    });
    const generation = connection.prepare("SELECT value FROM meta WHERE key = 'generation'");
    this.#generation = connection.read(() => (generation.get() as { value: string }).value);
  }

  async putStream(
    definition: StreamDefinition,
    { onlyIfAbsent = false }: { onlyIfAbsent?: boolean } = {},
  ): Promise<{ created: boolean }> {
    return this.#connection.write((now) => {
      if (onlyIfAbsent && this.#streams.row(definition.id)) return { created: false };
      return { created: this.#streams.put(definition, now) };
    });
  }

  async getDefinition(streamId: string): Promise<StreamDefinition | undefined> {
    return this.#connection.read(() => this.#streams.definition(streamId));
  }

  async getStream(streamId: string): Promise<StreamRecord | undefined> {
    return this.#connection.read(() => {
      const row = this.#streams.row(streamId);
      return row && toRecord(row);
    });
  }

  async listStreams(page: { after?: string; limit?: number } = {}): Promise<Page<StreamRecord>> {
    return this.#connection.read(() => this.#streams.list(page));
  }

  async findByMetadata(field: string, value: string): Promise<StreamRecord[]> {
    return this.#connection.read(() => this.#streams.byMetadata(field, value));
  }

  async removeStream(streamId: string): Promise<boolean> {
    return this.#connection.write((now) => {
      const row = this.#streams.row(streamId);
      if (!row) return false;
      if (row.owner !== '') this.#ownership.takeAway(row, now);
      this.#clients.removeStream(streamId);
      this.#streams.remove(row);
      return true;
    });
  }

  async claim(
    streamId: string,
    worker: { id: string; host: string },
    options: ClaimOptions = {},
  ): Promise<Claim> {
    return this.#connection.write((now) => this.#ownership.claim(streamId, worker, options, now));
  }

  async release(streamId: string, epoch: number, options: OnlyExpired = {}): Promise<boolean> {
    return this.#connection.write((now) =>
      this.#ownership.release(streamId, epoch, options.onlyExpired === true, now),
    );
  }

  async report(report: StreamReport): Promise<void> {
    this.#connection.write((now) => {
      const outcome = this.#ownership.report(report, undefined, now);
      if (outcome === 'missing') throw streamNotFound(report.streamId);
      if (outcome !== 'written') throw staleEpoch(report.streamId, outcome.stale.owner, outcome.stale.epoch);
    });
  }

  async heartbeat(beat: Heartbeat): Promise<HeartbeatReply> {
    const reply = this.#connection.write((now) => this.#take(beat, now));
    if (beat.events && beat.events.length > 0) this.#eventWait.wake();
    return reply;
  }

  async listWorkers(): Promise<WorkerRecord[]> {
    return this.#connection.read(() => this.#workers.list(this.#deadBefore(this.#connection.now())));
  }

  async removeWorker(workerId: string, options: OnlyExpired = {}): Promise<boolean> {
    return this.#connection.write((now) => {
      const heardMs = this.#workers.heardMs(workerId);
      if (heardMs === undefined) return false;
      if (options.onlyExpired && heardMs > this.#deadBefore(now)) return false;
      this.#ownership.takeAwayAll(workerId, now);
      this.#tellLosses(this.#clients.removeNode(workerId), now);
      this.#workers.remove(workerId);
      return true;
    });
  }

  async setWorkerStatus(workerId: string, status: WorkerStatus): Promise<boolean> {
    return this.#connection.write(() => this.#workers.want(workerId, status));
  }

  async listClients(
    filter: { streamId?: string; after?: string; limit?: number } = {},
  ): Promise<Page<ClientRecord>> {
    return this.#connection.read(() => this.#clients.list(filter));
  }

  async clientsOf(clientId: string): Promise<ClientRecord[]> {
    return this.#connection.read(() => this.#clients.of(clientId));
  }

  async getClient(clientId: string): Promise<ClientRecord | undefined> {
    return this.#connection.read(() => this.#clients.newest(clientId));
  }

  async removeClients(
    clients: readonly { streamId: string; clientId: string }[],
    options: OnlyExpired = {},
  ): Promise<number> {
    return this.#connection.write((now) => {
      if (!options.onlyExpired) return this.#clients.remove(clients);
      const lost = this.#clients.removeExpired(clients, this.#listening.at(now));
      this.#tellLosses(lost, now);
      return lost.length;
    });
  }

  async publish(event: NewEvent): Promise<void> {
    this.#connection.write((now) => this.#events.add([event], now));
    this.#eventWait.wake();
  }

  async readEvents(
    query: { after?: string; limit?: number; streamId?: string } = {},
  ): Promise<ClusterEvent[]> {
    return this.#connection.read(() => this.#events.read(query));
  }

  async eventsEnd(): Promise<string> {
    return this.#connection.read(() => this.#events.end());
  }

  async waitForEvents(query: { after: string; limit?: number; waitMs: number }): Promise<ClusterEvent[]> {
    return this.#eventWait.until(() => this.#connection.read(() => this.#events.read(query)), query.waitMs);
  }

  async readTimeline(subject: TimelineSubject): Promise<TimelineEntry[]> {
    return this.#connection.read(() => this.#timeline.read(subject, this.#connection.now()));
  }

  async sweep(): Promise<SweepSnapshot> {
    return this.#connection.read(() => {
      const nowMs = this.#connection.now();
      const heard = this.#listening.at(nowMs);
      const deadWorkers = this.#workers.silentSince(this.#deadBefore(nowMs), LIMITS.sweepWorkers);
      const orphans = this.#ownership.expired(heard, LIMITS.sweepOrphans).map((row) => ({
        streamId: row.id,
        owner: row.owner,
        epoch: row.epoch,
        viewers: row.viewers,
        host: row.host,
        ...(row.ffmpeg_pid !== null && { ffmpegPid: row.ffmpeg_pid }),
        ...(row.ffmpeg_start_ticks !== null && { ffmpegStartTicks: row.ffmpeg_start_ticks }),
      }));
      const expiredClients = this.#clients.expired(heard, LIMITS.sweepClients);
      const truncated =
        deadWorkers.length === LIMITS.sweepWorkers ||
        orphans.length === LIMITS.sweepOrphans ||
        expiredClients.length === LIMITS.sweepClients;
      return { nowMs, deadWorkers, orphans, expiredClients, truncated };
    });
  }

  async orphanProcesses(host: string): Promise<OrphanProcess[]> {
    return this.#connection.read(() => this.#orphanProcesses.ofHost(host, this.#connection.now()));
  }

  async forgetProcesses(host: string, pids: readonly number[]): Promise<void> {
    this.#connection.write(() => {
      for (const pid of pids) this.#orphanProcesses.forget(host, pid);
    });
  }

  async exchangeSources(exchange: SourceExchange): Promise<SourceExchangeReply> {
    // Whoever only asks writes nothing: a system at rest leaves its file alone.
    if (exchange.reports.length === 0)
      return this.#connection.read(() => this.#sources.tell(exchange, this.#connection.now()));
    return this.#connection.write((now) => this.#sources.exchange(exchange, now));
  }

  async putProvider(provider: ProviderRecord, { onlyIfAbsent = false } = {}): Promise<boolean> {
    return this.#connection.write(() => this.#providers.put(provider, onlyIfAbsent));
  }

  async listProviders(): Promise<ProviderRecord[]> {
    return this.#connection.read(() => this.#providers.list());
  }

  async removeProvider(providerId: string): Promise<boolean> {
    return this.#connection.write(() => this.#providers.remove(providerId));
  }

  async takeSlot(request: SlotRequest): Promise<SlotAnswer> {
    return this.#connection.write((now) => this.#providers.take(request, this.#listening.at(now), now));
  }

  async promiseSlot(promise: SlotPromise): Promise<boolean> {
    return this.#connection.write((now) => this.#providers.promise(promise, this.#listening.at(now)));
  }

  async releaseSlots(slots: readonly { providerId: string; lease: string }[]): Promise<void> {
    this.#connection.write((now) => this.#providers.release(slots, this.#listening.at(now), now));
  }

  async beatSlots(beat: SlotBeat): Promise<SlotBeatReply> {
    const reply = this.#connection.write((now) => this.#providers.beat(beat, this.#listening.at(now), now));
    return { ...reply, generation: this.#generation };
  }

  async listSlots(providerId: string): Promise<SlotRecord[]> {
    return this.#connection.read(() =>
      this.#providers.slots(providerId, this.#listening.at(this.#connection.now())),
    );
  }

  async putWebhook(webhook: NewWebhook): Promise<WebhookRecord> {
    return this.#connection.write((now) => this.#webhooks.put(webhook, now));
  }

  async listWebhooks(): Promise<WebhookRecord[]> {
    return this.#connection.read(() => this.#webhooks.list());
  }

  async removeWebhook(webhookId: string): Promise<boolean> {
    return this.#connection.write(() => this.#webhooks.remove(webhookId));
  }

  async takeDispatch(turn: { by: string; leaseMs: number; reached?: string }): Promise<DispatchTurn> {
    // Where there is nobody to be told, asking writes nothing: a system at rest leaves its file alone.
    if (this.#connection.read(() => this.#webhooks.list()).length === 0)
      return { granted: false, reached: '' };
    return this.#connection.write((now) => this.#webhooks.take(turn, now));
  }

  async leaveDispatch(by: string): Promise<void> {
    this.#connection.write(() => this.#webhooks.leave(by));
  }

  async keepDeadLetter(letter: Omit<DeadLetter, 'failedAtMs'>): Promise<void> {
    this.#connection.write((now) => this.#webhooks.keepLetter(letter, now));
  }

  async listDeadLetters(filter: { webhookId?: string } = {}): Promise<DeadLetter[]> {
    return this.#connection.read(() => this.#webhooks.letters(filter));
  }

  async getDeadLetter(id: string): Promise<DeadLetter | undefined> {
    return this.#connection.read(() => this.#webhooks.letter(id));
  }

  async removeDeadLetter(id: string): Promise<boolean> {
    return this.#connection.write(() => this.#webhooks.removeLetter(id));
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
    return this.#generation;
  }

  async ping(): Promise<void> {
    this.#connection.read(() => this.#connection.now());
  }

  async close(): Promise<void> {
    this.#sessions.close();
    this.#eventWait.close();
    this.#connection.close();
  }

  /** A worker that was heard last at this time, by the clock that expiry goes by, is dead. */
  #deadBefore(now: number): number {
    return this.#listening.at(now) - this.#leaseMs;
  }

  /** Viewers whose nodes did not say farewell. Within a transaction. */
  #tellLosses(lost: readonly ClientRecord[], now: number): void {
    if (lost.length === 0) return;
    this.#timeline.addLosses(lost, now);
    this.#events.add(
      lost.map((viewer) => lossEvent(viewer, now)),
      now,
    );
    this.#eventWait.wake();
  }

  #take(beat: Heartbeat, nowMs: number): HeartbeatReply {
    const { worker } = beat;
    const heard = this.#listening.hear(nowMs);
    const speaker = this.#workers.speaker(worker);
    if (speaker === 'replaced') throw workerIdTaken(worker.id, this.#workers.get(worker.id) ?? worker);
    if (speaker === 'successor') {
      this.#ownership.takeAwayAll(worker.id, nowMs);
      this.#tellLosses(this.#clients.removeNode(worker.id), nowMs);
    }
    const status = this.#workers.put(worker, nowMs, heard);
    const missing = new Set<string>();
    const stale: { streamId: string; owner: string; epoch: number }[] = [];
    for (const report of beat.streams) {
      const outcome = this.#ownership.report(report, worker, nowMs);
      if (outcome === 'missing') missing.add(report.streamId);
      else if (outcome !== 'written') {
        const { owner, epoch } = outcome.stale;
        stale.push({ streamId: report.streamId, owner, epoch });
      }
    }
    for (const client of beat.clients) {
      if (!this.#clients.touch(client, heard)) missing.add(client.streamId);
    }
    for (const { streamId, clientId } of beat.gone) this.#clients.gone(streamId, clientId, worker.id);
    if (beat.events) this.#events.add(beat.events, nowMs);
    if (beat.timeline) this.#timeline.add(beat.timeline, nowMs);
    const moved = (beat.follows ?? []).flatMap(({ streamId, epoch }) => {
      const row = this.#streams.row(streamId);
      return row && row.owner !== '' && row.epoch > epoch
        ? [{ streamId, owner: row.owner, epoch: row.epoch }]
        : [];
    });
    return { stale, moved, missing: [...missing], generation: this.#generation, status, nowMs };
  }
}

function lossEvent(
  { id, streamId, ip, username, bytes, skips, connectedAtMs }: ClientRecord,
  now: number,
): NewEvent {
  return {
    type: 'client_disconnected',
    streamId,
    data: {
      ...{ clientId: id, ip, ...(username !== undefined && { username }), reason: 'lost' },
      ...{ bytes, skips, durationMs: Math.max(0, now - connectedAtMs) },
    },
  };
}
