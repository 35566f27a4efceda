import { StreampoolError } from '@streampool/errors';
import {
  type Attempt,
  Breakers,
  Candidates,
  type ChainPolicy,
  type Clock,
  DEFAULT_CHAIN_POLICY,
  PoolChoice,
  type ResolverUse,
  resolverOf,
  type SourceHealth,
  SourceList,
  type StreamNote,
  verdictOf,
} from '@streampool/streaming';
import type { FetchingClient } from '@streampool/upstream';
import type { HlsProxySettings, HlsProxySpec } from '../options.ts';
import { PlaylistLoader, type PlaylistLoaderOptions } from './playlist-loader.ts';
import { ProviderConnection } from './provider-connection.ts';
import type { SourceTurn } from './source-turn.ts';

export interface StreamSourcesEvents {
  noted(note: StreamNote): void;
  /** What played is lost; another attempt follows. */
  lost(error: StreampoolError): void;
  /** A source plays: the first one, or one after another. */
  playing(info: {
    readonly index: number;
    readonly reason: string | undefined;
    readonly gapMs: number;
  }): void;
  /** No hope left. Final. */
  failed(error: StreampoolError): void;
}

export interface StreamSourcesOptions {
  readonly spec: HlsProxySpec;
  readonly client: FetchingClient;
  readonly settings: HlsProxySettings;
  readonly health?: SourceHealth | undefined;
  readonly clock: Clock;
  readonly random?: (() => number) | undefined;
  readonly log?: ResolverUse['log'];
  readonly events: StreamSourcesEvents;
  readonly onPlaylist: PlaylistLoaderOptions['onOutcome'];
  readonly onFetch: () => void;
  /** The provider's slot goes to somebody else. */
  readonly onTaken: () => void;
}

/** A pause before sources are looked at again: others may have found out meanwhile that one is well. */
const LOOK_AGAIN_MS = 1_000;
const STALL_MS = 5_000;

/**
 * Which source the stream is played from, by the rules of all streams (choice of the streaming package): one at a time; blame
 * belongs to the attempt; the next one in order whose breaker is closed; nobody for ever.
 */
export class StreamSources {
  readonly #options: StreamSourcesOptions;
  readonly #list: SourceList;
  readonly #choice: PoolChoice;
  readonly #candidates: Candidates;
  readonly #policy: ChainPolicy;
  #turn: SourceTurn | undefined;
  #era = -1;
  #eraIndex: number | undefined;
  #failure: StreampoolError | undefined;
  #changed = Promise.withResolvers<void>();
  #cancelNext: () => void = () => {};
  #cancelStable: () => void = () => {};
  #closing: Promise<void> = Promise.resolve();
  /** Of sources that have been left, until nothing is on its way any more. */
  readonly #left = new Set<ProviderConnection>();
  #hasBegun = false;
  #isClosed = false;
  #loss: { readonly reason: string; readonly atMs: number } | undefined;
  #switches = 0;
  /** Sources opened after the first. */
  attempts = 0;
  lastError: StreampoolError | undefined;

  constructor(options: StreamSourcesOptions) {
    this.#options = options;
    const { spec, client, settings, clock, random } = options;
    const target = {
      ...spec.target,
      holder: {
        streamId: spec.id,
        ...(spec.providerId !== undefined && { providerId: spec.providerId }),
        ...(spec.priority !== undefined && { priority: spec.priority }),
        end: () => options.onTaken(),
      },
    };
    this.#list = new SourceList([target, ...spec.failoverUrls.map((url) => ({ ...target, url }))]);
    const resolver = resolverOf(spec, { client, log: options.log });
    const health = options.health ?? new Breakers({ clock, ...(random && { random }) });
    this.#choice = new PoolChoice({ list: this.#list, health, ...(resolver && { resolver }) });
    this.#policy = { ...DEFAULT_CHAIN_POLICY, maxAttempts: settings.maxAttempts };
    this.#candidates = new Candidates({
      ...{ alternatives: 1 + spec.failoverUrls.length, choice: this.#choice, policy: this.#policy, clock },
      ...(random && { random }),
      noted: (note) => options.events.noted(note),
    });
  }

  get current(): SourceTurn | undefined {
    return this.#turn;
  }

  /** What plays, or was tried last. */
  get index(): number {
    return this.#turn?.index ?? this.#eraIndex ?? 0;
  }

  /** After how many ms this one may be asked; 0: now. */
  waitMs(index: number): number {
    return this.#candidates.waitMs(index);
  }

  isCurrent(turn: SourceTurn): boolean {
    return this.#turn === turn;
  }

  /** The source to play from, as soon as there is one. @throws StreampoolError why there is none; the signal's reason */
  async ready(signal: AbortSignal): Promise<SourceTurn> {
    if (!this.#hasBegun) this.#begin();
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure) throw this.#failure;
      if (this.#turn) return this.#turn;
      await unlessAborted(this.#changed.promise, signal);
    }
  }

  /** A playlist of it has been delivered. Idempotent. */
  played(turn: SourceTurn): void {
    if (turn.hasPlayed || this.#turn !== turn) return;
    turn.hasPlayed = true;
    turn.record.played();
    this.#candidates.wasLive = true;
    const { clock, events } = this.#options;
    this.#cancelStable = clock.after(this.#policy.stableMs, () => turn.record.stable());
    const gapMs = this.#loss ? Math.round(clock.now() - this.#loss.atMs) : 0;
    events.playing({ index: turn.index, reason: this.#loss?.reason, gapMs });
    this.#loss = undefined;
  }

  /** Something is wrong with it: another attempt follows, or the end. Without effect for one that is over already. */
  lost(turn: SourceTurn, error: StreampoolError): void {
    if (this.#turn !== turn || this.#isClosed) return;
    const { events, clock } = this.#options;
    const { index, hasPlayed, record } = turn;
    this.lastError = error;
    events.noted({
      ...{
        type: hasPlayed ? 'source_lost' : 'source_refused',
        code: error.code,
        detail: error.message,
        index,
      },
    });
    this.#loss ??= { reason: error.code, atMs: clock.now() };
    record.lost(error);
    this.#end(turn);
    if (!this.#candidates.hasHope) {
      this.#fail(error);
      return;
    }
    if (hasPlayed) events.lost(error);
    void this.#goOn(turn, error);
  }

  /**
   * Changes over to another source, looked at by `isGood` before it takes the place of the one that plays.
   * `reason`: told with the switch. What an operator asks for (`MANUAL`) may end what plays first, where the provider has no second connection.
   * @throws StreampoolError why it does not; SWITCH_SUPERSEDED
   */
  async switchTo(
    { index, reason }: { readonly index?: number | undefined; readonly reason: 'MANUAL' | 'FAILBACK' },
    isGood: (turn: SourceTurn, signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { events, clock, spec } = this.#options;
    const alternatives = 1 + spec.failoverUrls.length;
    const wish = ++this.#switches;
    const former = await this.ready(signal);
    const resolved = index === undefined ? await this.#choice.resolve?.({ index: former.index }) : undefined;
    const next = index ?? resolved?.index ?? (former.index + 1) % alternatives;
    if (index === undefined && next === former.index)
      throw new StreampoolError('FAILOVER_NOT_CONFIGURED', 'the stream has no failover URL');
    this.#candidates.include(next);
    if (reason === 'MANUAL') events.noted({ type: 'failover_requested', index: next });
    let turn = this.#prepare({ index: next, beside: true, fresh: false, isFirst: false });
    try {
      try {
        await isGood(turn, signal);
      } catch (error) {
        // The provider has no second connection for us: the one that plays makes room.
        if (!isLimit(error) || reason !== 'MANUAL' || this.#turn !== former) throw error;
        this.#discard(turn);
        this.#loss ??= { reason, atMs: clock.now() };
        this.#end(former);
        await this.#closing;
        turn = this.#prepare({ index: next, beside: false, fresh: false, isFirst: false });
        await isGood(turn, signal);
      }
      if (wish !== this.#switches || this.#isClosed)
        throw new StreampoolError('SWITCH_SUPERSEDED', 'another switch was asked for');
    } catch (error) {
      if (error instanceof StreampoolError && error.code !== 'SWITCH_SUPERSEDED' && !isLimit(error)) {
        turn.record.failed(error);
        events.noted({ type: 'source_refused', code: error.code, detail: error.message, index: next });
      }
      this.#discard(turn);
      // Back to what had to make room.
      if (!this.#turn) this.#openAfter({ ...former.attempt, beside: false, isFirst: false }, 0);
      throw error;
    }
    this.#loss ??= { reason, atMs: clock.now() };
    this.#cancelNext();
    if (this.#turn) this.#end(this.#turn);
    this.#adopt(turn);
  }

  /** With credentials; of sources that were named later, which nobody else knows. */
  namedUrl(index: number): string | undefined {
    return this.#choice.urlOf(index);
  }

  /** Idempotent. Settles when no connection is open. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#failure ??= new StreampoolError('STREAM_STOPPED', 'the stream has ended');
    this.#cancelNext();
    if (this.#turn) this.#end(this.#turn);
    this.#notify();
    const left = [...this.#left].map((connection) => connection.close());
    this.#closing = Promise.all([this.#closing, ...left]).then(() => {});
    return this.#closing;
  }

  #begin(): void {
    const { settings } = this.#options;
    const index = this.#candidates.first();
    const waitMs = this.#candidates.waitMs(index);
    if (waitMs > settings.streamTimeoutMs / 2)
      throw new StreampoolError(
        'CIRCUIT_OPEN',
        'the source failed too often, and is left alone for a while',
        {
          retryAfterSeconds: Math.ceil(waitMs / 1000),
        },
      );
    this.#hasBegun = true;
    if (waitMs > 0) this.#choice.want(index);
    this.#openAfter({ index, beside: false, fresh: false, isFirst: true }, waitMs);
  }

  /** After a loss that says something of the source. */
  async #goOn({ index, hasPlayed }: SourceTurn, error: StreampoolError): Promise<void> {
    const verdict = verdictOf(error);
    // What has played and was cut may be asked again once without a pause.
    const isWorthAnother = hasPlayed && this.#candidates.failuresOf(index) <= 1;
    if (isWorthAnother && verdict === 'cut') {
      this.#openAfter({ index, beside: false, fresh: true, isFirst: false }, 0);
      return;
    }
    const resolved = this.#candidates.mayResolve ? await this.#candidates.resolve(index, error) : undefined;
    if (this.#turn || this.#isClosed) return;
    if (resolved !== undefined)
      this.#openAfter({ index: resolved, beside: false, fresh: false, isFirst: false }, 0);
    else this.#openBest(index, error, isWorthAnother && verdict !== 'refused' ? index : undefined);
  }

  #openBest(after: number, error: StreampoolError, pardoned?: number): void {
    if (this.#turn || this.#isClosed) return;
    const next = this.#candidates.next(after, pardoned);
    if (!next) {
      this.#fail(error);
      return;
    }
    const attempt = { index: next.index, beside: false, fresh: false, isFirst: false };
    if (next.waitMs === 0) {
      this.#openAfter(attempt, 0);
      return;
    }
    this.#choice.want(next.index);
    const lookAgainMs = Math.min(next.waitMs, LOOK_AGAIN_MS);
    this.#cancelNext = this.#options.clock.after(lookAgainMs, () => this.#openBest(after, error));
  }

  #openAfter(attempt: Attempt, ms: number): void {
    const open = (): void => {
      // A provider's limit of one connection holds.
      void this.#closing.then(() => {
        if (!this.#turn && !this.#isClosed && !this.#failure) this.#open(attempt);
      });
    };
    if (ms === 0) open();
    else this.#cancelNext = this.#options.clock.after(ms, open);
  }

  #open(attempt: Attempt): void {
    if (!attempt.isFirst) this.attempts += 1;
    this.#adopt(this.#prepare(attempt));
  }

  #prepare(attempt: Attempt): SourceTurn {
    const { client, clock, spec, settings, onFetch, onPlaylist } = this.#options;
    const { index, beside } = attempt;
    const target = this.#list.at(index);
    const asked = beside && target.holder ? { ...target, holder: { ...target.holder, beside } } : target;
    const attemptMs = Math.max(1_000, (settings.streamTimeoutMs * 0.9) / (1 + spec.failoverUrls.length));
    const aborting = new AbortController();
    const connection = new ProviderConnection({
      ...{ client, target: asked, clock, onFetch },
      timeouts: {
        connectMs: spec.timeouts?.connectMs ?? Math.min(settings.connectTimeoutMs, attemptMs),
        firstByteMs: spec.timeouts?.firstByteMs ?? attemptMs,
        stallMs: spec.timeouts?.stallMs ?? STALL_MS,
      },
    });
    this.#choice.begin(attempt);
    return {
      ...{ attempt, index, url: target.url, era: this.#era, connection, signal: aborting.signal },
      loader: new PlaylistLoader({
        ...{ connection, clock, onOutcome: onPlaylist },
        sticky: spec.stickySession ?? false,
      }),
      record: this.#candidates.begin(attempt),
      abort: () => aborting.abort(new StreampoolError('STREAM_STOPPED', 'the source was left')),
      ...{ beganMs: clock.now(), hasPlayed: false, lostSegments: 0 },
    };
  }

  #adopt(turn: SourceTurn): void {
    if (this.#eraIndex !== turn.index) this.#era += 1;
    this.#eraIndex = turn.index;
    turn.era = this.#era;
    this.#turn = turn;
    this.#notify();
  }

  #end(turn: SourceTurn): void {
    this.#cancelStable();
    if (this.#turn === turn) this.#turn = undefined;
    this.#discard(turn);
  }

  #discard(turn: SourceTurn): void {
    turn.record.dropped();
    turn.abort();
    const { connection } = turn;
    this.#left.add(connection);
    void connection.closed.then(() => this.#left.delete(connection));
    const left = connection.leave();
    this.#closing = Promise.all([this.#closing, left]).then(() => {});
  }

  #fail(error: StreampoolError): void {
    if (this.#failure) return;
    this.#failure = this.#candidates.verdict(error);
    this.lastError = this.#failure;
    this.#options.events.failed(this.#failure);
    this.#notify();
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

function isLimit(error: unknown): boolean {
  return error instanceof StreampoolError && error.code === 'PROVIDER_LIMIT';
}

/** Leaves nothing behind at the signal, which may be that of all that is ever asked of the stream. @throws the signal's reason */
async function unlessAborted(change: Promise<void>, signal: AbortSignal): Promise<void> {
  const left = Promise.withResolvers<void>();
  const leave = (): void => left.reject(signal.reason);
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([change, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
