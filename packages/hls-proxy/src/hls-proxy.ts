import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { type HlsAnswer, type HlsOrigin, type HlsRequest, PLAYLIST_TYPE } from '@streampool/hls';
import {
  type Clock,
  type EngineEvents,
  type FailoverResult,
  type PoolSnapshot,
  PoolStateMachine,
  systemClock,
} from '@streampool/streaming';
import { AssetLists } from './asset-lists.ts';
import { beyondEnd } from './beyond-end.ts';
import { awaitedBy, BlockingReload } from './blocking-reload.ts';
import { BodyStore } from './cache/body-store.ts';
import { HlsCache } from './cache/hls-cache.ts';
import type { HlsProxyOptions, HlsProxyStatistics } from './options.ts';
import { type Rendition, type RenditionLoad, rangeOf } from './playlist/rendition.ts';
import { PlaylistRewriter } from './playlist/rewriter.ts';
import { StreamNumbers } from './playlist/stream-numbers.ts';
import { Prefetch } from './prefetch.ts';
import { Renditions } from './renditions.ts';
import { GoingBack } from './source/going-back.ts';
import { lookAt } from './source/look-at.ts';
import type { SourceTurn } from './source/source-turn.ts';
import { StreamSources } from './source/stream-sources.ts';
import { Statistics } from './statistics.ts';
import { Addresses } from './token/addresses.ts';
import type { BodyResource } from './token/resource.ts';
import { within } from './within.ts';

/** A live playlist that does not move on for so many target durations has stalled. */
const STALL_TARGETS = 3;
/** A player that asks for nothing for so many target durations is gone. */
const IDLE_TARGETS = 3;
/** Listed segments in a row that cannot be had, until another source is looked for. */
const LOST_SEGMENTS = 2;
/** How long a player waits for another source before it is given the playlist as it was, in target durations, ms at most. */
const PATIENCE = { targets: 0.5, mostMs: 3_000, leastMs: 500 };
/** How soon whoever was given an old playlist may ask again; ms. */
const STALE_AGE_MS = 250;
/** How long answers that cannot change are given to others; ms. */
const LASTING_MS = 60_000;

/**
 * Delivers one provider's HLS stream to everybody who asks, as if they were one viewer: each resource is fetched once, under
 * addresses that tell nothing and that nobody can make up, and goes on under the same numbers whichever of its sources plays.
 */
export class HlsProxy implements HlsOrigin {
  readonly closed: Promise<void>;
  readonly #options: HlsProxyOptions;
  readonly #clock: Clock;
  readonly #addresses: Addresses;
  readonly #sources: StreamSources;
  readonly #goingBack: GoingBack;
  readonly #renditions: Renditions;
  readonly #bodies: BodyStore;
  readonly #assetLists: AssetLists;
  readonly #prefetch: Prefetch;
  readonly #blockingReload: BlockingReload;
  readonly #cache: HlsCache;
  readonly #statistics = new Statistics();
  readonly #state: PoolStateMachine;
  readonly #closing = new AbortController();
  readonly #refreshing = new Map<string, Promise<RenditionLoad>>();
  readonly #startedAt: number;
  #settle: () => void = () => {};
  #ending: Promise<void> | undefined;
  #accessMs: number;
  #cancelIdle: () => void;

  /** Opens nothing: the first request does. @throws TypeError for a secret that is none */
  constructor(options: HlsProxyOptions) {
    const { spec, clock = systemClock, cache = new HlsCache() } = options;
    this.#options = options;
    this.#clock = clock;
    this.#cache = cache;
    this.#startedAt = clock.wallNow();
    this.#accessMs = clock.now();
    this.#addresses = new Addresses(options.tokenSecret, spec.id);
    this.#state = new PoolStateMachine((from, to, reason) =>
      this.#emit('pool_state', { streamId: spec.id, from, to, reason }),
    );
    this.#sources = this.#makeSources();
    this.#goingBack = new GoingBack({
      ...{ clock, sources: () => this.#sources },
      afterMs: spec.failbackAfterMs ?? options.settings.failbackAfterMs ?? 0,
      noted: (note) => this.#emit('noted', { ...note, streamId: spec.id }),
    });
    this.#bodies = this.#makeBodies();
    this.#assetLists = new AssetLists({ addresses: this.#addresses, bodies: this.#bodies });
    this.#renditions = new Renditions({
      rewriter: new PlaylistRewriter(this.#addresses),
      numbers: new StreamNumbers(),
      clock,
      isHeld: (url, segment) => this.#bodies.holds(url, rangeOf(segment)),
    });
    this.#prefetch = new Prefetch({
      ...{ bodies: this.#bodies, clock, signal: this.#closing.signal },
      renditions: () => this.#renditions.all(),
      resourceAt: (uri) => this.#addresses.mediaAt(uri),
      isFree: () => this.#sources.current?.connection.isFree === true,
      onFetch: () => {
        this.#statistics.prefetches += 1;
      },
    });
    this.#blockingReload = new BlockingReload({
      clock,
      current: () => this.#sources.current,
      refresh: (rendition) => this.#refresh(rendition),
      onLoad: (turn, rendition, load) => this.#onLoad(turn, rendition, load),
      onHit: () => this.#statistics.count('playlist', 'hit'),
    });
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#cancelIdle = this.#watchIdle();
  }

  async answer(request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    if (this.#ending) throw new StreampoolError('STREAM_STOPPED', 'the stream has ended');
    this.#touch();
    const asked = this.#addresses.resolve(request.path);
    if (this.#state.state === 'idle') this.#state.move('starting', 'first request');
    if (asked.kind === 'entry')
      return this.#answerPlaylist(this.#renditions.at(request.path, undefined), request, signal);
    if (asked.kind === 'playlist')
      return this.#answerPlaylist(this.#renditions.at(request.path, asked), request, signal);
    if (asked.kind === 'assets') return this.#answerAssets(asked, signal);
    return this.#answerBody(asked, request.range, signal);
  }

  /**
   * Changes over to another source. `index`: 0 is the primary URL, n the n-th failover URL; the next one by default.
   * @throws StreampoolError FAILOVER_NOT_CONFIGURED, INVALID_REQUEST, SWITCH_SUPERSEDED, or why the other source cannot be played: then everything is as it was
   */
  async failover({ index }: { readonly index?: number } = {}): Promise<FailoverResult> {
    const { spec, settings } = this.#options;
    const alternatives = 1 + spec.failoverUrls.length;
    if (!this.#hasOthers)
      throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the stream has no failover URL');
    if (index !== undefined && index >= alternatives)
      throw new StreampoolError('INVALID_REQUEST', `the stream has sources 0 to ${alternatives - 1}`);
    const deadline = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(settings.streamTimeoutMs)]);
    await this.#sources.switchTo(
      { index, reason: 'MANUAL' },
      async (turn) => void (await lookAt(turn)),
      deadline,
    );
    // Players need not find out by themselves.
    for (const rendition of this.#followed()) void this.#refresh(rendition).catch(() => {});
    const { index: failoverIndex, attempts: failoverAttempts } = this.#sources;
    const url = this.#sources.namedUrl(failoverIndex);
    return { failoverIndex, failoverAttempts, ...(url !== undefined && { url }) };
  }

  /** As of a pool; `viewers` is 0: who watches is known to the audience. */
  snapshot(): PoolSnapshot {
    const { id: streamId, kind, metadata } = this.#options.spec;
    const { bytesIn, bytesOut } = this.#statistics;
    const { index: failoverIndex, attempts, lastError } = this.#sources;
    const idleMs = this.#clock.now() - this.#accessMs;
    const namedUrl = this.#sources.namedUrl(failoverIndex);
    return {
      ...{ streamId, kind, state: this.#state.state, viewers: 0, startedAt: this.#startedAt },
      lastAccess: Math.round(this.#clock.wallNow() - idleMs),
      ...{ bytesIn, bytesOut, failoverIndex, failoverAttempts: attempts, restarts: attempts, ringBytes: 0 },
      ...(metadata && { metadata }),
      ...(namedUrl !== undefined && { namedUrl }),
      ...(lastError && { lastError: lastError.message }),
    };
  }

  statistics(): HlsProxyStatistics {
    return this.#statistics.snapshot();
  }

  /** Idempotent: ends fetches and gives the provider's slot back. */
  close(): Promise<void> {
    return this.#end('stopped', 'closed');
  }

  /** There is something to change over to. */
  get #hasOthers(): boolean {
    const { failoverUrls, resolverUrl } = this.#options.spec;
    return failoverUrls.length > 0 || resolverUrl !== undefined;
  }

  async #answerPlaylist(rendition: Rendition, request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    const canBlock = rendition.timeline.list?.canBlockReload === true;
    const awaited = awaitedBy(request.query, { canBlock });
    if (awaited && rendition.isKnown)
      await this.#blockingReload.waitFor(rendition, awaited, signal, request.resume?.mediaSequence);
    else if (rendition.freshForMs(this.#sources.current) > 0) this.#statistics.count('playlist', 'hit');
    else await this.#freshen(rendition, request, signal);
    const { timeline, isMultivariant } = rendition;
    const isDelta = request.query.has('_HLS_skip') && !isMultivariant;
    const body = isDelta ? Buffer.from(timeline.render(true)) : rendition.body;
    const freshMs = rendition.freshForMs(this.#sources.current);
    const { progress, list } = timeline;
    this.#statistics.bytesOut += body.length;
    return {
      ...{ status: 200, kind: 'playlist', contentType: PLAYLIST_TYPE, body },
      maxAgeMs: Math.min(LASTING_MS, freshMs > 0 ? Math.ceil(freshMs) : STALE_AGE_MS),
      ...(list && !isMultivariant && { targetDurationMs: rendition.targetDurationMs }),
      ...(progress && !isMultivariant && { progress }),
    };
  }

  /** Waits for a playlist, or for a better one than what is there: but not so long that players run dry. */
  async #freshen(rendition: Rendition, { resume }: HlsRequest, signal: AbortSignal): Promise<void> {
    const { settings } = this.#options;
    const refreshed = this.#refresh(rendition, resume);
    if (!rendition.isKnown) {
      const isThere = await within(refreshed, settings.streamTimeoutMs, this.#clock, signal);
      if (!isThere)
        throw new StreampoolError('STREAM_START_TIMEOUT', 'the provider has sent no playlist in time');
      return;
    }
    const { targets, mostMs, leastMs } = PATIENCE;
    const patienceMs = Math.max(leastMs, Math.min(mostMs, rendition.targetDurationMs * targets));
    await within(refreshed, patienceMs, this.#clock, signal);
  }

  /** One load at a time, by whichever source plays. @throws StreampoolError why there is none, or it has no such playlist */
  #refresh(rendition: Rendition, resume?: HlsRequest['resume']): Promise<RenditionLoad> {
    const known = this.#refreshing.get(rendition.path);
    if (known) {
      this.#statistics.count('playlist', 'shared');
      return known;
    }
    const refreshing = this.#load(rendition, resume);
    this.#refreshing.set(rendition.path, refreshing);
    const over = (): void => void this.#refreshing.delete(rendition.path);
    refreshing.then(over, over);
    return refreshing;
  }

  async #load(rendition: Rendition, resume: HlsRequest['resume']): Promise<RenditionLoad> {
    for (;;) {
      const turn = await this.#sources.ready(this.#closing.signal);
      try {
        const load = await rendition.load(turn, resume);
        this.#onLoad(turn, rendition, load);
        return load;
      } catch (error) {
        if (!this.#sources.isCurrent(turn)) continue;
        const reason = asStreampoolError(error);
        this.#statistics.failedFetches += 1;
        if (!this.#isToBlame(turn, rendition, reason)) throw reason;
        this.#sources.lost(turn, reason);
      }
    }
  }

  /** Whether what is wrong with a playlist is wrong with its source. */
  #isToBlame(turn: SourceTurn, rendition: Rendition, { code }: StreampoolError): boolean {
    if (code === 'NOT_FOUND' || code === 'CAPACITY_EXHAUSTED' || !rendition.isMain) return false;
    const recentlyMs = STALL_TARGETS * rendition.targetDurationMs;
    const now = this.#clock.now();
    // One variant of several: players have the others.
    return !this.#renditions
      .all()
      .some(
        (other) =>
          other !== rendition &&
          other.isMain &&
          !other.isMultivariant &&
          other.loadedAtMs >= Math.max(turn.beganMs, now - recentlyMs),
      );
  }

  #onLoad(turn: SourceTurn, rendition: Rendition, load: RenditionLoad): void {
    if (load.kind === 'multivariant' || rendition.isAsset || !this.#sources.isCurrent(turn)) return;
    const { list, movedAtMs } = rendition.timeline;
    const hasMoved = load.taken !== 'same' && load.taken !== 'stale';
    if (hasMoved || list?.isEnded) this.#sources.played(turn);
    if (list?.canBlockReload) turn.connection.allowMore();
    if (hasMoved) this.#prefetch.newest(rendition);
    if (hasMoved || list?.isEnded || !rendition.isMain) return;
    const stillMs = this.#clock.now() - Math.max(movedAtMs, turn.beganMs);
    if (stillMs < STALL_TARGETS * rendition.targetDurationMs) return;
    const seconds = Math.round(stillMs / 1000);
    this.#sources.lost(
      turn,
      new StreampoolError('UPSTREAM_TIMEOUT', `The provider's playlist has not moved on for ${seconds} s`),
    );
  }

  /** What is lost with the source of a film is asked of the next one, as often as there are sources. */
  async #answerBody(asked: BodyResource, range: string | undefined, signal: AbortSignal): Promise<HlsAnswer> {
    // One whose connection was cut has a second one.
    for (let attempts = 2 * (1 + this.#options.spec.failoverUrls.length); ; attempts -= 1) {
      const resource = await this.#ofNow(asked, range, signal);
      const turn = this.#sources.current;
      const isFilm = this.#hasOthers && this.#renditions.listing(resource.url)?.isFilm;
      try {
        return await this.#fetchBody(resource, range, signal);
      } catch (error) {
        const outOfRange = beyondEnd(error);
        if (outOfRange) return outOfRange;
        if (!isFilm || this.#sources.current === turn || attempts <= 1 || signal.aborted) throw error;
      }
    }
  }

  /** What players of a film ask for, at the source that plays now. @throws StreampoolError NOT_FOUND; why no source plays */
  async #ofNow(asked: BodyResource, range: string | undefined, signal: AbortSignal): Promise<BodyResource> {
    const { settings } = this.#options;
    const rendition = this.#renditions.listing(asked.url);
    if (this.#hasOthers && rendition?.isFilm && !this.#bodies.holds(asked.url, range)) {
      const era = rendition.listed(asked.url, range)?.era;
      const { era: now } = await this.#inTime((deadline) => this.#sources.ready(deadline), signal);
      if (era !== now) await within(this.#refresh(rendition), settings.streamTimeoutMs, this.#clock, signal);
    }
    const moved = this.#renditions.movedTo(asked.url, range);
    if (moved === undefined || this.#renditions.listing(asked.url)) return asked;
    if (moved === 'lost')
      throw new StreampoolError(
        'NOT_FOUND',
        'its source is gone, and the one that plays now has it cut otherwise: begin anew',
      );
    return this.#addresses.mediaAt(moved.uri) ?? asked;
  }

  async #fetchBody(
    resource: BodyResource,
    range: string | undefined,
    signal: AbortSignal,
  ): Promise<HlsAnswer> {
    const rendition = this.#renditions.listing(resource.url);
    if (rendition) rendition.followedAtMs = this.#clock.now();
    // Some players ask for gaps all the same: their source has refused it already.
    if (rendition?.listed(resource.url, range)?.isLost && !this.#bodies.knows(resource.url, range))
      throw new StreampoolError('NOT_FOUND', 'the provider has it no longer');
    const { found, outcome } = await this.#inTime(
      (deadline) =>
        this.#bodies.get({ resource, range, isOfWhole: this.#prefetch.isOfWhole(rendition) }, deadline),
      signal,
    );
    this.#statistics.count(resource.kind === 'assets' ? 'data' : resource.kind, outcome);
    if (rendition?.timeline.list?.isEnded) this.#prefetch.after(rendition, resource.url, range);
    const { status, contentType, headers, body, freshUntilMs } = found;
    return {
      ...{ status, contentType, kind: resource.kind === 'media' ? 'media' : 'other', headers },
      maxAgeMs: Math.max(0, Math.floor(freshUntilMs - this.#clock.now())),
      body,
    };
  }

  async #answerAssets(asked: BodyResource, signal: AbortSignal): Promise<HlsAnswer> {
    const { found, outcome } = await this.#inTime(
      (deadline) => this.#assetLists.get(asked, deadline),
      signal,
    );
    this.#statistics.count('data', outcome);
    return {
      ...{ status: 200, kind: 'asset-list', contentType: 'application/json', body: found.body },
      maxAgeMs: Math.max(0, Math.floor(found.freshUntilMs - this.#clock.now())),
    };
  }

  /** What is asked for begins to arrive in time, or nobody waits for it any longer. */
  async #inTime<T>(ask: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const late = new AbortController();
    // What was announced and does not exist yet may be waited for.
    const ms = Math.max(this.#options.settings.streamTimeoutMs, this.#idleMs());
    const cancel = this.#clock.after(ms, () =>
      late.abort(new StreampoolError('UPSTREAM_TIMEOUT', `Waited ${ms} ms for the provider's answer`)),
    );
    return ask(AbortSignal.any([signal, late.signal])).finally(cancel);
  }

  #followed(): Rendition[] {
    const sinceMs = this.#clock.now() - this.#idleMs();
    return this.#renditions.all().filter(({ followedAtMs }) => followedAtMs >= sinceMs);
  }

  #makeSources(): StreamSources {
    const { spec, client, settings, health, random, log } = this.#options;
    return new StreamSources({
      ...{ spec, client, settings, health, random, log, clock: this.#clock },
      events: {
        noted: (note) => this.#emit('noted', { ...note, streamId: spec.id }),
        lost: (error) => {
          this.#goingBack.lost();
          if (this.#state.state === 'live') this.#state.move('switching', error.code);
          // By the time that players come again, another source's playlist is there.
          for (const rendition of this.#followed()) void this.#refresh(rendition).catch(() => {});
        },
        playing: ({ index, reason, gapMs }) => {
          this.#goingBack.playing(index);
          if (this.#state.state !== 'live') this.#state.move('live', reason ?? 'the playlist is there');
          if (reason !== undefined)
            this.#emit('source_switched', { streamId: spec.id, reason, gapMs, failoverIndex: index });
        },
        failed: (error) => void this.#end('failed', error.code),
      },
      onPlaylist: (outcome, bytes) => {
        this.#statistics.count('playlist', outcome);
        if (outcome !== 'miss') return;
        this.#statistics.bytesIn += bytes;
      },
      onFetch: () => {
        this.#statistics.fetches += 1;
      },
      onTaken: () => void this.#end('stopped', 'PROVIDER_LIMIT'),
    });
  }

  #makeBodies(): BodyStore {
    return new BodyStore({
      ...{ streamId: this.#options.spec.id, cache: this.#cache, clock: this.#clock },
      ready: (signal) => this.#sources.ready(signal),
      // As long as it is listed, and for players that are a window behind.
      keepMs: (url) => {
        const rendition = this.#renditions.listing(url);
        return rendition ? 2 * rendition.timeline.durationMs : 0;
      },
      onBytes: (bytes) => {
        this.#statistics.bytesIn += bytes;
      },
      onRead: (bytes) => {
        this.#statistics.bytesOut += bytes;
        this.#touch();
      },
      onEnd: ({ turn, url, error }) => this.#onBody(turn, url, error),
    });
  }

  #onBody(turn: SourceTurn | undefined, url: string, error: StreampoolError | undefined): void {
    if (!error) {
      if (turn) turn.lostSegments = 0;
      return;
    }
    this.#statistics.failedFetches += 1;
    // What the source before it had listed is not its fault, however long players ask for it.
    const rendition = this.#renditions.listing(url);
    const isListed = rendition?.listed(url)?.era === turn?.era && !rendition?.isAsset;
    if (!turn || !isListed || error.code === 'CAPACITY_EXHAUSTED') return;
    turn.lostSegments += 1;
    // Of a film one is enough, unless it alone is missing: whoever plays it will not find out by the playlist.
    const isAway = this.#hasOthers && rendition?.isFilm && !isMissing(error);
    if (isAway || turn.lostSegments >= LOST_SEGMENTS) this.#sources.lost(turn, error);
  }

  #emit<K extends keyof EngineEvents>(event: K, ...args: EngineEvents[K]): void {
    this.#options.emit?.(event, ...args);
  }

  #touch(): void {
    this.#accessMs = this.#clock.now();
  }

  /** Players poll once in a target duration at most, so silence is judged by that. */
  #idleMs(): number {
    const targets = this.#renditions.all().map(({ targetDurationMs }) => IDLE_TARGETS * targetDurationMs);
    return Math.max(this.#options.settings.sharedStreamTimeoutMs, ...targets);
  }

  #watchIdle(): () => void {
    const left = this.#accessMs + this.#idleMs() - this.#clock.now();
    return this.#clock.after(Math.max(1, left), () => {
      if (this.#clock.now() - this.#accessMs >= this.#idleMs())
        void this.#end('stopped', 'nobody asks any more');
      else this.#cancelIdle = this.#watchIdle();
    });
  }

  #end(state: 'stopped' | 'failed', reason: string): Promise<void> {
    this.#ending ??= this.#close(state, reason);
    return this.#ending;
  }

  async #close(state: 'stopped' | 'failed', reason: string): Promise<void> {
    // Whoever waits is told why by the sources.
    await Promise.resolve();
    this.#cancelIdle();
    this.#goingBack.close();
    this.#closing.abort(new StreampoolError('STREAM_STOPPED', 'the stream has ended'));
    this.#bodies.close();
    await this.#sources.close();
    if (state === 'failed' && this.#state.state === 'idle') this.#state.move('stopped', reason);
    else if (!this.#state.isFinal) this.#state.move(state, reason);
    this.#settle();
  }
}

function isMissing({ info }: StreampoolError): boolean {
  return info.upstreamStatus === 404 || info.upstreamStatus === 410;
}

function asStreampoolError(error: unknown): StreampoolError {
  if (isStreampoolError(error)) return error;
  return new StreampoolError('INTERNAL', 'the playlist could not be read', { cause: error });
}
