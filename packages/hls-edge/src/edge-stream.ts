import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { HlsAnswer, HlsOrigin, HlsRequest, HlsResume } from '@streampool/hls';
import type { Clock, Ownership, RemotePlacement } from '@streampool/streaming';
import type { Logger } from 'pino';
import type { EdgeCache } from './body/edge-cache.ts';
import { GrowingBody } from './body/growing-body.ts';
import { type Flight, Flights } from './flights.ts';
import type { EdgeSettings, HlsEdgeOptions, HlsStream, OpenedOrigin } from './options.ts';
import { HandOn } from './owner/hand-on.ts';
import type { OwnerClient } from './owner/owner-client.ts';
import { Whereabouts } from './owner/whereabouts.ts';
import { furthest, KnownPlaylists } from './playlist/known-playlists.ts';
import { isBelow, isPlaylistPath, requestKey, requestOf } from './request-key.ts';

/**
 * `own`: this node's origin answered. Else `hit`: it was here; `shared`: the owner was being asked already; `miss`: it was asked;
 * `stale`: an older one, since there is no newer one.
 */
export type CacheOutcome = 'own' | 'hit' | 'shared' | 'miss' | 'stale';

export interface Served {
  readonly answer: HlsAnswer;
  readonly cache: CacheOutcome;
}

export interface EdgeStreamOptions {
  readonly stream: HlsStream;
  readonly open: HlsEdgeOptions['open'];
  readonly settings: EdgeSettings;
  readonly cache: EdgeCache;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absent: this process is on its own. */
  readonly cluster?: { readonly ownership: Ownership; readonly client: OwnerClient };
}

/** Pauses between questions that were answered with nothing to play, ms: doubling. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** A node that has not asked for this long has no viewers of the stream any more; ms. */
const NODE_SILENCE_MS = 15_000;
/** How much longer than a source a new owner may take to answer the first time; ms. */
const HAND_OVER_GRACE_MS = 2_000;
/** A playlist of this node's own origin is given out again for this long without asking it: many players ask meanwhile; ms. */
const RECENT_MS = 50;
const MOST_RECENT = 64;
const ENTRY: HlsRequest = { path: 'playlist.m3u8', query: new URLSearchParams() };

/**
 * One stream at one node, wherever it is played: from an origin here where this node owns it, else from the owner. Whoever is
 * seen to die is deposed by the next question, which is how a takeover begins.
 */
export class EdgeStream {
  readonly id: string;
  readonly #options: EdgeStreamOptions;
  readonly #flights = new Flights<HlsAnswer>();
  readonly #known: KnownPlaylists;
  /** Bodies that were asked for in the place of broken ones. */
  readonly #replacements = new WeakSet<GrowingBody>();
  /** What this node's origin has answered last, for whoever asks for the same in this moment. */
  readonly #recent = new Map<string, { answer: HlsAnswer; origin: HlsOrigin; untilMs: number }>();
  readonly #handOn: HandOn | undefined;
  readonly #whereabouts: Whereabouts;
  /** Other nodes that ask here, with when they last did. */
  readonly #nodes = new Map<string, number>();
  #stream: HlsStream;
  #origin: (OpenedOrigin & { readonly epoch: number }) | undefined;
  #usedMs: number;
  #closed = false;

  constructor(options: EdgeStreamOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.id = options.stream.spec.id;
    this.#usedMs = options.clock.now();
    this.#known = new KnownPlaylists({
      now: () => options.clock.now(),
      isKept: (uri, request) => this.#isKept(uri, request),
      onBackwards: (numbers) =>
        options.log.warn({ streamId: this.id, ...numbers }, 'the numbers of a playlist have gone back'),
    });
    const { cluster, cache } = options;
    this.#whereabouts = new Whereabouts({
      ...{ streamId: this.id, ownership: cluster?.ownership, log: options.log },
      held: () => this.#origin,
      onSettled: (_, place) => {
        if (place.here && this.#origin) this.#origin = { ...this.#origin, epoch: place.epoch };
        else this.follow(place.epoch);
      },
    });
    if (cluster)
      this.#handOn = new HandOn({
        ...{ streamId: this.id, client: cluster.client, known: this.#known },
        wholeOf: (segment) => {
          const key = this.#cacheKey(requestKey(segment));
          return cache.hasWhole(key) ? cache.get(key, { stale: true }) : undefined;
        },
      });
  }

  /** Its definition may have changed in what does not change its bytes. */
  update(stream: HlsStream): void {
    this.#stream = stream;
    this.#origin?.update?.(stream);
  }

  get stream(): HlsStream {
    return this.#stream;
  }

  /** What plays it here; undefined where nothing does, or a pool of the engine. */
  get source(): OpenedOrigin['source'] {
    return this.#origin?.source;
  }

  /** The epoch of the owner as far as it is known here; 0: it is not. */
  get epoch(): number {
    return this.#whereabouts.epoch;
  }

  /** Other nodes that have it from here. */
  get nodes(): number {
    const now = this.#options.clock.now();
    for (const [node, heardMs] of this.#nodes) if (now - heardMs >= NODE_SILENCE_MS) this.#nodes.delete(node);
    return this.#nodes.size;
  }

  /** Nothing of it is here that would be missed. */
  get isIdle(): boolean {
    const { clock, settings } = this.#options;
    return (
      this.#origin === undefined &&
      this.#flights.size === 0 &&
      this.nodes === 0 &&
      clock.now() - this.#usedMs >= settings.idleMs
    );
  }

  /** A playlist that is here and still good, for which nobody has to be asked. */
  current(request: HlsRequest): Served | undefined {
    const { cache, clock } = this.#options;
    const key = requestKey(request);
    const now = clock.now();
    const recent = this.#recent.get(key);
    const isGood = recent && recent.origin === this.#origin?.origin && now < recent.untilMs;
    const answer = isGood ? recent.answer : cache.get(this.#cacheKey(key));
    if (answer?.kind !== 'playlist') return undefined;
    this.#usedMs = now;
    return { answer, cache: isGood ? 'own' : 'hit' };
  }

  /** For a viewer of this node. @throws StreampoolError as the origin does; NODE_UNREACHABLE, STREAM_NOT_FOUND */
  async serve(request: HlsRequest, signal: AbortSignal): Promise<Served> {
    const { cache, clock } = this.#options;
    mustBeBelow(request);
    this.#usedMs = clock.now();
    const key = requestKey(request);
    const whole = request.range === undefined ? undefined : this.#wholeOf(request);
    const cached = whole ?? cache.get(this.#cacheKey(key));
    if (cached) return { answer: cached, cache: 'hit' };
    const running = this.#flights.get(key);
    const flight = running ?? this.#start(key, request);
    try {
      const answer = await this.#wait(flight, request, signal);
      if (!answer) return this.#again(request);
      return {
        answer,
        cache: this.#whereabouts.elsewhere === undefined ? 'own' : running ? 'shared' : 'miss',
      };
    } catch (error) {
      // What an earlier owner had made is unknown to the next one.
      const isGone = isStreampoolError(error, 'NOT_FOUND');
      const stale = isGone ? cache.get(this.#cacheKey(key), { stale: true }) : undefined;
      if (stale) return { answer: stale, cache: 'stale' };
      throw error;
    }
  }

  /**
   * For another node, which takes this one for the owner. `deposes`: the epoch of an owner that it saw die.
   * @throws StreampoolError OWNER_CHANGED, STREAM_STOPPED, and as the origin does
   */
  async serveNode(
    request: HlsRequest,
    { node, deposes, signal }: { node: string; deposes?: number; signal: AbortSignal },
  ): Promise<{ answer: HlsAnswer; epoch: number }> {
    mustBeBelow(request);
    this.#usedMs = this.#options.clock.now();
    const place = await this.#whereabouts.acquire(
      deposes === undefined ? {} : { deposes: { owner: '', epoch: deposes } },
    );
    if (!place.here) {
      this.#nodes.delete(node);
      throw new StreampoolError('OWNER_CHANGED', `the stream is owned by ${place.owner}`, {
        info: { owner: place.owner, epoch: place.epoch },
      });
    }
    this.#mustBeOpen();
    this.#nodes.set(node, this.#options.clock.now());
    try {
      return { answer: await this.#fromHere(place.epoch, request, signal), epoch: place.epoch };
    } catch (error) {
      // What nodes have handed on of an earlier owner.
      const isGone = isStreampoolError(error, 'NOT_FOUND');
      const answer = isGone
        ? this.#options.cache.get(this.#cacheKey(requestKey(request)), { stale: true })
        : undefined;
      if (!answer) throw error;
      return { answer, epoch: place.epoch };
    }
  }

  /** Another node has this of a former owner, and takes this one for the next. False: it is of no use here. */
  inherit(request: HlsRequest, answer: HlsAnswer): boolean {
    mustBeBelow(request);
    if (this.#closed) return false;
    if (answer.kind === 'playlist') return this.#known.inherit(request, answer, this.#origin?.origin);
    if (answer.maxAgeMs > 0) this.#options.cache.put(this.#cacheKey(requestKey(request)), answer);
    return answer.maxAgeMs > 0;
  }

  /** The stream is owned under this epoch now, here or elsewhere. */
  follow(epoch: number): void {
    this.#whereabouts.follow(epoch);
    if (this.#origin && this.#origin.epoch < epoch) void this.#closeOrigin();
  }

  /** @throws StreampoolError why that node does not play it: then it is played here as before */
  async handOver(place: RemotePlacement): Promise<void> {
    const held = this.#origin;
    const { cluster } = this.#options;
    if (!held || !cluster) return;
    // Where a pool plays it, that has been handed over by now, and the successor's packager needs no notice.
    if (this.#stream.source === 'playlist') {
      const reason = await this.#introduce(place);
      if (isStreampoolError(reason, 'PROVIDER_LIMIT')) {
        // The provider allows one connection: the successor's begins when ours has ended.
        await this.#closeOrigin();
        const still = await this.#introduce(place);
        if (still) throw still;
      } else if (reason) throw reason;
    }
    this.#whereabouts.movedTo(place, held.epoch);
    await this.#closeOrigin();
  }

  /** Idempotent: what plays it here is released, and nobody is answered any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flights.abort();
    this.#options.cache.deleteAll(`${this.id}/`);
    await this.#closeOrigin();
  }

  /** It may have been ended while its owner was being found out: an origin of it would play on for nobody. */
  #mustBeOpen(): void {
    if (this.#closed) throw new StreampoolError('STREAM_STOPPED', 'the stream was ended');
  }

  #start(key: string, request: HlsRequest): Flight<HlsAnswer> {
    return this.#flights.start(key, (signal) => this.#fetch(request, signal));
  }

  /** Undefined: a playlist that was known once has been waited for long enough. */
  async #wait(
    flight: Flight<HlsAnswer>,
    request: HlsRequest,
    signal: AbortSignal,
  ): Promise<HlsAnswer | undefined> {
    const { clock, settings } = this.#options;
    const hasOlder = isPlaylistPath(request.path) && this.#known.newest(request) !== undefined;
    // Who asks for a playlist that does not exist yet wants to wait for it.
    const isBlocking = request.query.has('_HLS_msn');
    const ms = isBlocking ? settings.startTimeoutMs : settings.playlistPatienceMs;
    try {
      return await flight.wait(signal, hasOlder ? { clock, ms } : undefined);
    } catch (error) {
      // Which node plays is no business of the player's.
      const isBetweenOwners = isStreampoolError(error, 'NODE_UNREACHABLE');
      if (hasOlder && isBetweenOwners && !signal.aborted) return undefined;
      throw error;
    }
  }

  #again(request: HlsRequest): Served {
    const answer = this.#known.newest(request);
    if (!answer) throw new StreampoolError('STREAM_START_TIMEOUT', 'the stream has no owner at the moment');
    return { answer, cache: 'stale' };
  }

  /** Asks until somebody answers. @throws StreampoolError NODE_UNREACHABLE where nobody did in time */
  async #fetch(request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    const { clock, settings, cluster } = this.#options;
    const untilMs = clock.now() + settings.startTimeoutMs;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const place = await this.#whereabouts.find(signal);
      this.#mustBeOpen();
      if (place?.here) return this.#fromHere(place.epoch, request, signal);
      let reason = 'the owner of the stream cannot be found out';
      if (place && cluster) {
        // A provider's lists go on by themselves.
        const hasAll =
          this.#stream.source !== 'playlist' && (await this.#handOn?.to(place, request)) === true;
        const asked = this.#withResume(request, { always: true });
        const reply = await cluster.client.ask({
          ...{ place, streamId: this.id, request: asked, signal },
          onGrow: (body, bytes) => this.#options.cache.grew(this.#cacheKey(requestKey(request)), body, bytes),
          mend: (body) => this.#mend(body, request),
        });
        if (reply.kind === 'answer')
          return this.#fromOwner(place, { ...reply, isWhole: reply.isWhole && hasAll }, request);
        if (reply.kind === 'refused') throw reply.error;
        reason = reply.kind === 'elsewhere' ? 'it is not the owner' : reply.reason;
        if (!signal.aborted)
          this.#whereabouts.left(place, { died: reply.kind === 'lost' && reply.died, reason });
      }
      if (signal.aborted || clock.now() + pauseMs >= untilMs)
        throw new StreampoolError('NODE_UNREACHABLE', `no node answers for the stream: ${reason}`, {
          retryAfterSeconds: 1,
        });
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    }
  }

  async #fromHere(epoch: number, request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    for (let attempt = 0; ; attempt++) {
      const origin = this.#originOf(epoch, request);
      try {
        const answer = await origin.answer(this.#withResume(request, { by: origin }), signal);
        if (answer.kind !== 'playlist') return answer;
        const noted = this.#known.note(request, answer, origin).answer;
        this.#remember(request, noted, origin);
        return noted;
      } catch (error) {
        // It closed itself in this moment, for want of viewers.
        const hadClosed = isStreampoolError(error, 'STREAM_STOPPED') && this.#origin?.origin !== origin;
        if (!hadClosed || attempt > 0 || this.#closed || signal.aborted) throw error;
      }
    }
  }

  #remember(request: HlsRequest, answer: HlsAnswer, origin: HlsOrigin): void {
    if (answer.status !== 200 || answer.maxAgeMs <= 0) return;
    if (this.#recent.size >= MOST_RECENT) this.#recent.clear();
    const untilMs = this.#options.clock.now() + Math.min(answer.maxAgeMs, RECENT_MS);
    this.#recent.set(requestKey(request), { answer, origin, untilMs });
  }

  #fromOwner(
    place: RemotePlacement,
    { answer, epoch, isWhole }: { answer: HlsAnswer; epoch: number; isWhole: boolean },
    request: HlsRequest,
  ): HlsAnswer {
    const { cache } = this.#options;
    const isLate = !this.#whereabouts.answered(place, epoch);
    // A late answer of a former owner says nothing of how far the stream is now.
    if (isLate && answer.kind === 'playlist') return answer;
    if (answer.kind !== 'playlist') {
      if (answer.maxAgeMs > 0) cache.put(this.#cacheKey(requestKey(request)), answer);
      return answer;
    }
    const noted = this.#known.note(request, answer, `${place.owner}/${epoch}`, { isWhole });
    if (answer.maxAgeMs > 0) cache.put(this.#cacheKey(requestKey(request)), noted.answer);
    if (noted.newestUri !== undefined) this.#prefetch(noted.newestUri, noted.formerUri, request);
    return noted.answer;
  }

  /**
   * Goes on with a body whose owner died while it was sending it: what the next owner has at the same place, if that is as
   * long. True: it is complete.
   */
  async #mend(broken: GrowingBody, request: HlsRequest): Promise<boolean> {
    const { length } = broken;
    if (length === undefined || this.#replacements.has(broken) || this.#closed) return false;
    try {
      const { body } = await this.#fetch(request, AbortSignal.timeout(this.#options.settings.startTimeoutMs));
      if (body instanceof GrowingBody) this.#replacements.add(body);
      if (body.length !== length) return false;
      let known = broken.bytes;
      for await (const chunk of Buffer.isBuffer(body) ? [body] : body.open()) {
        const from = Math.min(known, chunk.length);
        known -= from;
        await broken.push(chunk.subarray(from));
      }
      broken.end();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * The newest segment, where the one before it was wanted here: players will want it at once, and it is here should its owner
   * die before they do.
   */
  #prefetch(uri: string, formerUri: string | undefined, playlist: HlsRequest): void {
    const [next, former] = [requestOf(uri, playlist), formerUri && requestOf(formerUri, playlist)];
    if (!next || !former) return;
    const [key, formerKey] = [requestKey(next), requestKey(former)];
    const { cache } = this.#options;
    const wasWanted = cache.get(this.#cacheKey(formerKey), { stale: true }) || this.#flights.get(formerKey);
    if (!wasWanted || cache.get(this.#cacheKey(key)) || this.#flights.get(key)) return;
    this.#start(key, next).keep();
  }

  #originOf(epoch: number, request: HlsRequest): HlsOrigin {
    if (this.#origin) {
      if (this.#origin.epoch < epoch) this.#origin = { ...this.#origin, epoch };
      return this.#origin.origin;
    }
    const resume = this.#resumeOf(request);
    const opened = this.#options.open(this.#stream, resume ? { resume } : {});
    const { origin } = opened;
    this.#whereabouts.here();
    this.#origin = { ...opened, epoch };
    void origin.closed.then(() => {
      if (this.#origin?.origin === origin) this.#origin = undefined;
    });
    return origin;
  }

  async #closeOrigin(): Promise<void> {
    const held = this.#origin;
    this.#origin = undefined;
    await held?.origin.close();
  }

  /** Has that node play the stream. Why it does not; undefined: it does. */
  async #introduce(place: RemotePlacement): Promise<StreampoolError | undefined> {
    const { cluster, settings } = this.#options;
    const request = this.#withResume(ENTRY, { always: true });
    const signal = AbortSignal.timeout(settings.startTimeoutMs + HAND_OVER_GRACE_MS);
    const reply = await cluster!.client.ask({ place, streamId: this.id, request, signal, onGrow: () => {} });
    if (reply.kind === 'answer') return undefined;
    if (reply.kind === 'refused') return reply.error;
    const reason = reply.kind === 'lost' ? reply.reason : 'it is not the owner';
    return new StreampoolError('RELAY_LOST', `${place.owner} does not play the stream: ${reason}`);
  }

  /** With how far the stream had come, unless it is asked of who said so (`by`). */
  #withResume(request: HlsRequest, { by, always = false }: { by?: unknown; always?: boolean }): HlsRequest {
    if (!isPlaylistPath(request.path) || (!always && this.#known.sourceOf(request) === by)) return request;
    const resume = this.#resumeOf(request);
    return resume ? { ...request, resume } : request;
  }

  #resumeOf(request: HlsRequest): HlsResume | undefined {
    return furthest(request.resume, this.#known.progress(request));
  }

  #wholeOf({ range: _, ...request }: HlsRequest): HlsAnswer | undefined {
    const key = this.#cacheKey(requestKey(request));
    const { cache } = this.#options;
    return cache.hasWhole(key) ? cache.get(key) : undefined;
  }

  #isKept(uri: string, playlist: HlsRequest): boolean {
    const request = requestOf(uri, playlist);
    return request !== undefined && this.#options.cache.hasWhole(this.#cacheKey(requestKey(request)));
  }

  #cacheKey(key: string): string {
    return `${this.id}/${key}`;
  }
}

/** What is asked of an owner stands in a URL behind which there is more. @throws StreampoolError NOT_FOUND */
function mustBeBelow({ path }: HlsRequest): void {
  if (!isBelow(path)) throw new StreampoolError('NOT_FOUND', 'The stream has nothing of this name');
}
