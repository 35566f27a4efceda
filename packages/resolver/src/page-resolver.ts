import { StreampoolError } from '@streampool/errors';
import { runToEnd } from '@streampool/processes';
import type { AddressGuard, PageResolver, ResolverName, UpstreamTarget } from '@streampool/upstream';
import { resolverArguments } from './arguments.ts';
import { type CookieFile, cookieFile } from './cookie-file.ts';
import { GuardedProxy } from './guarded-proxy.ts';
import { type FoundMedia, PROGRAMS } from './programs.ts';

export interface ProgramResolverOptions {
  readonly guard: AddressGuard;
  /** Paths or names of the programs; one that is absent is not to be used. */
  readonly programs: Readonly<Partial<Record<ResolverName, string>>>;
  /** Opens sealed cookies; undefined for what is none. */
  readonly openCookies: (sealed: string) => string | undefined;
  /** A program that takes longer is ended, ms. */
  readonly deadlineMs: number;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

/** A description of one page with all its formats. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Addresses that sites hand out are good for hours; when one is refused it is found anew at once. */
const KEPT_MS = 30 * 60_000;
const MOST_KEPT = 500;
const MOST_AT_ONCE = 4;
const NICENESS = 5;

interface Kept {
  readonly found: Promise<FoundMedia>;
  readonly untilMs: number;
}

/**
 * Asks streamlink or yt-dlp where the media of a page is. They only look: the media itself comes in like any other, through
 * the one upstream client, with its guard, its slots and its failover. One page is looked at once however many ask.
 */
export class ProgramResolver implements PageResolver {
  readonly #options: ProgramResolverOptions;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #abort = new AbortController();
  #proxy: Promise<GuardedProxy> | undefined;
  #running = 0;

  constructor(options: ProgramResolverOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws StreampoolError RESOLVER_MISSING, RESOLVER_ARGUMENT_FORBIDDEN, RESOLVER_FAILED, RESOLVER_TIMEOUT; the signal's reason */
  async resolve(target: UpstreamTarget, signal?: AbortSignal): Promise<UpstreamTarget> {
    const { resolver, ...plain } = target;
    if (!resolver) return target;
    const key = keyOf(target);
    let kept = this.#kept.get(key);
    if (!kept || kept.untilMs <= this.#now()) {
      const found = this.#find(target, resolver);
      kept = { found, untilMs: this.#now() + KEPT_MS };
      this.#keep(key, kept);
      found.catch(() => {
        if (this.#kept.get(key)?.found === found) this.#kept.delete(key);
      });
    }
    const { url, headers, userAgent } = await abortable(kept.found, signal);
    return {
      ...plain,
      url,
      headers: { ...target.headers, ...headers },
      ...(userAgent !== undefined && { userAgent }),
    };
  }

  forget(target: UpstreamTarget): void {
    this.#kept.delete(keyOf(target));
  }

  /** Idempotent: ends the programs that run. */
  async close(): Promise<void> {
    this.#abort.abort();
    const proxy = this.#proxy;
    this.#proxy = Promise.reject(new StreampoolError('SHUTTING_DOWN', 'the server is shutting down'));
    this.#proxy.catch(() => {});
    await proxy?.then((it) => it.close()).catch(() => {});
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  async #find(
    { url: page, headers, userAgent }: UpstreamTarget,
    { name, args, cookies }: NonNullable<UpstreamTarget['resolver']>,
  ): Promise<FoundMedia> {
    const { programs, guard, deadlineMs } = this.#options;
    const file = programs[name];
    if (file === undefined) throw missing(name);
    const told = resolverArguments(name, args);
    if (this.#running >= MOST_AT_ONCE)
      throw new StreampoolError('CAPACITY_EXHAUSTED', 'too many pages are being looked at', {
        retryAfterSeconds: 2,
      });
    this.#running += 1;
    let jar: CookieFile | undefined;
    try {
      const plain = cookies && this.#options.openCookies(cookies);
      jar = plain ? await cookieFile(name, plain, page) : undefined;
      const program = PROGRAMS[name];
      const proxy = (await this.#guardedProxy(guard)).url;
      const result = await runToEnd({
        program: file,
        args: program.args({
          ...told,
          ...{ page, headers, proxy },
          ...(userAgent !== undefined && { userAgent }),
          ...(jar && { cookieFile: jar.path }),
        }),
        // Neither is to find anybody's configuration or plug-ins.
        env: {
          ...{ HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', XDG_DATA_HOME: '/nonexistent' },
          ...wayOut(proxy),
        },
        maxOutputBytes: MAX_ANSWER_BYTES,
        deadlineMs,
        signal: this.#abort.signal,
        niceness: NICENESS,
      });
      if (result.outcome === 'missing') throw missing(name);
      if (result.outcome === 'late')
        throw new StreampoolError(
          'RESOLVER_TIMEOUT',
          `${program.file} was not done within ${deadlineMs / 1000} s`,
        );
      const found = program.read({ stdout: result.stdout.toString(), stderr: result.stderr });
      // What the program does not know may be media itself.
      return found ?? { url: page, headers: {} };
    } finally {
      this.#running -= 1;
      await jar?.remove();
    }
  }

  /** The one for all programs; one that could not be opened (no descriptor was left) is tried again. */
  #guardedProxy(guard: AddressGuard): Promise<GuardedProxy> {
    if (this.#proxy) return this.#proxy;
    const proxy = GuardedProxy.listen(guard);
    this.#proxy = proxy;
    proxy.catch(() => {
      if (this.#proxy === proxy) this.#proxy = undefined;
    });
    return proxy;
  }
}

function keyOf({ url, headers, userAgent, resolver }: UpstreamTarget): string {
  return JSON.stringify([url, headers, userAgent, resolver]);
}

function missing(name: ResolverName): StreampoolError {
  return new StreampoolError(
    'RESOLVER_MISSING',
    `${PROGRAMS[name].file} is not installed on this machine, or not to be used`,
  );
}

/** Others may wait for the same answer: whoever leaves only stops waiting. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * The proxy as the environment says it, beside the option: streamlink looks for a plug-in's configuration before it reads its
 * options, and asks the page for redirects to do so.
 */
function wayOut(proxy: string): Record<string, string> {
  const named = { http_proxy: proxy, https_proxy: proxy, all_proxy: proxy, no_proxy: '' };
  return Object.fromEntries(
    Object.entries(named).flatMap(([name, value]) => [
      [name, value],
      [name.toUpperCase(), value],
    ]),
  );
}
