import { StreampoolError } from '@streampool/errors';
import { redactUrl } from '@streampool/redaction';
import { AddressGuard, type AddressJudge, type AddressPolicy } from './address-guard.ts';
import type { ConnectionSlots, Slot } from './connection-slots.ts';
import { Exchange } from './exchange.ts';
import type { FetcherOptions, FetchingClient, UpstreamFetcher } from './fetch/fetcher-api.ts';
import { KeepAliveFetcher } from './fetch/keep-alive-fetcher.ts';
import { requestHead } from './http/request-head.ts';
import { parseTargetUrl, resolveLocation, sharesCredentials, type TargetUrl } from './http/target-url.ts';
import type { ConnectionContext } from './socket/connection.ts';
import { ConnectionCounters } from './socket/connection-counters.ts';
import { FreshNames, type FreshNamesOptions } from './socket/fresh-names.ts';
import { PaceWheel } from './socket/pace-wheel.ts';
import { ReadMemory } from './socket/read-memory.ts';
import { TurnQueue } from './socket/turn-queue.ts';
import type {
  PageResolver,
  UpstreamRequest,
  UpstreamResponse,
  UpstreamStats,
  UpstreamTarget,
  UpstreamTimeouts,
} from './types.ts';

export interface HttpUpstreamClientOptions {
  readonly policy?: AddressPolicy;
  /** False accepts any certificate. True by default. */
  readonly verifyTls?: boolean;
  /** Without it no provider has a limit. */
  readonly slots?: ConnectionSlots;
  /** Without it pages in the place of media are refused. */
  readonly pages?: (guard: AddressGuard) => PageResolver;
  /** For tests: how names are resolved after a cut. */
  readonly names?: FreshNamesOptions;
}

const MAX_REDIRECTS = 10;
/** Of the time that a provider has to answer in. */
const PATIENCE = 0.6;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** The one upstream client of a process: HTTP/1.1 over its own sockets, one connection per request; many small things are fetched. */
export class HttpUpstreamClient implements FetchingClient {
  /** Open for the loopback door to put its own port on the list. */
  readonly guard: AddressGuard;
  readonly #context: ConnectionContext;
  readonly #slots: ConnectionSlots | undefined;
  readonly #pages: PageResolver | undefined;

  constructor(options: HttpUpstreamClientOptions = {}) {
    this.guard = new AddressGuard(options.policy);
    this.#slots = options.slots;
    this.#pages = options.pages?.(this.guard);
    this.#context = {
      memory: new ReadMemory(),
      wheel: new PaceWheel(),
      turns: new TurnQueue(),
      guard: this.guard,
      counters: new ConnectionCounters(),
      names: new FreshNames(options.names),
      verifyTls: options.verifyTls ?? true,
    };
  }

  async open(
    request: UpstreamRequest,
    options: { timeouts: UpstreamTimeouts; signal?: AbortSignal; fresh?: boolean },
  ): Promise<UpstreamResponse> {
    if (request.resolver) return this.#openPage(request, options);
    const { signal, timeouts } = options;
    // Told that there is no slot, whoever waits must have the time to do something about it.
    const patienceMs = timeouts.firstByteMs * PATIENCE;
    const slot = request.slot ? undefined : await this.#slots?.acquire(request, { signal, patienceMs });
    try {
      const exchange = await this.#follow(request, options);
      if (slot) void exchange.closed.then(() => slot.release());
      return exchange;
    } catch (error) {
      // Nothing is left open.
      slot?.release();
      throw error;
    }
  }

  async resolve(target: UpstreamTarget, signal?: AbortSignal): Promise<UpstreamTarget> {
    if (!target.resolver) return target;
    if (!this.#pages) throw new StreampoolError('RESOLVER_MISSING', 'pages are not looked at here');
    return this.#pages.resolve(target, signal);
  }

  /** Opens what is on a page. What is refused there is looked for anew the next time. */
  async #openPage(
    request: UpstreamRequest,
    options: { timeouts: UpstreamTimeouts; signal?: AbortSignal; fresh?: boolean },
  ): Promise<UpstreamResponse> {
    const { resolver, ...plain } = request;
    const found = await this.resolve(request, options.signal);
    try {
      const response = await this.open({ ...plain, ...found }, options);
      if (response.status >= 400) this.#pages?.forget(request);
      return response;
    } catch (error) {
      this.#pages?.forget(request);
      throw error;
    }
  }

  async reserve(target: UpstreamTarget, signal?: AbortSignal): Promise<Slot | undefined> {
    return this.#slots?.acquire(target, { signal });
  }

  fetcher(options?: FetcherOptions): UpstreamFetcher {
    return new KeepAliveFetcher(this.#context, options);
  }

  /** Through redirects: the provider is the one that was asked, wherever it leads. */
  async #follow(
    request: UpstreamRequest,
    options: { timeouts: UpstreamTimeouts; signal?: AbortSignal; fresh?: boolean },
  ): Promise<UpstreamResponse> {
    const first = parseTargetUrl(request.url);
    const visited = new Set<string>();
    let target = first;
    let from = request.from === undefined ? undefined : parseTargetUrl(request.from).hostname;
    let withCredentials = true;
    for (;;) {
      const judge = this.guard.toward(target.hostname, from);
      this.#enter(target, visited, judge);
      const exchange = await Exchange.open(
        this.#context,
        {
          ...{ method: request.method ?? 'GET', target, judge, fresh: options.fresh === true },
          head: requestHead(request, target, withCredentials),
          ...(request.body !== undefined && { body: request.body }),
        },
        options.timeouts,
        options.signal,
      );
      const location = REDIRECTS.has(exchange.status) ? exchange.headers.location : undefined;
      if (location === undefined || request.method === 'POST') return exchange;
      exchange.close();
      await exchange.closed;
      from = target.hostname;
      target = resolveLocation(Buffer.from(location, 'latin1').toString('utf8'), target);
      withCredentials &&= sharesCredentials(first, target);
    }
  }

  stats(): UpstreamStats {
    return { ...this.#context.counters.stats(), heldBytes: this.#context.memory.heldBytes };
  }

  /** Notes a hop, and refuses it if it leads in a circle or to an address that is off limits. */
  #enter(target: TargetUrl, visited: Set<string>, judge: AddressJudge): void {
    if (visited.has(target.href) || visited.size > MAX_REDIRECTS) {
      const what = visited.has(target.href) ? 'in a circle' : `more than ${MAX_REDIRECTS} times`;
      throw new StreampoolError(
        'UPSTREAM_REDIRECT_LOOP',
        `The provider redirects ${what}: ${redactUrl(target.href)}`,
      );
    }
    visited.add(target.href);
    const refusal = judge.refusalOfHost(target.hostname, target.port);
    if (refusal) throw refusal;
  }
}
