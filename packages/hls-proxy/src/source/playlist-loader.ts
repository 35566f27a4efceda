import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { decodePlaylist, isMultivariant, isPlaylist } from '@streampool/hls';
import type { Clock } from '@streampool/streaming';
import { mediaRefusal, statusRefusal } from '@streampool/upstream';
import { freshForMs } from '../cache/freshness.ts';
import type { ProviderConnection } from './provider-connection.ts';

/** A playlist as the provider sent it. */
export interface LoadedPlaylist {
  readonly text: string;
  /** The URL that answered, after redirects. */
  readonly baseUrl: string;
  readonly isMultivariant: boolean;
  /** Until when it need not be asked for again; monotonic ms. */
  readonly freshUntilMs: number;
  /** How often the next segment of it is due, ms; undefined for one that does not change. */
  readonly reloadMs: number | undefined;
}

/** What a blocking reload waits for (rfc8216bis §6.2.5.2), in the provider's numbers. */
export interface Awaited {
  readonly sequence: number;
  readonly part: number | undefined;
}

interface Blocking {
  readonly awaited: Awaited;
  readonly waitMs: number;
}

interface Patience {
  readonly firstByteMs: number;
  /** Over a new connection. */
  readonly fresh?: boolean;
}

export interface PlaylistLoaderOptions {
  readonly connection: ProviderConnection;
  readonly clock: Clock;
  /** Asked again, a playlist comes from where the provider's redirect led the first time, as long as there is one. */
  readonly sticky?: boolean;
  readonly onOutcome: (outcome: 'hit' | 'shared' | 'miss', bytes: number) => void;
}

const MOST_BYTES = 8 * 1024 * 1024;
/** Of all playlists of a stream that are kept. */
const MOST_KEPT = 32 * 1024 * 1024;
const MOST_PLAYLISTS = 128;
/** A reload is waited for at least this long, however short the segments are; ms. */
const LEAST_RELOAD_MS = 2_000;
/** What cannot change, or is only asked for once by each player. */
const LASTING_MS = 10 * 60_000;
const LEAST_FRESH_MS = 200;
const DEFAULT_TARGET_MS = 6_000;

/** The playlists of one source: each fetched once for all who ask, and not more often than one player would. */
export class PlaylistLoader {
  readonly #options: PlaylistLoaderOptions;
  /** In the order of their last use. */
  readonly #kept = new Map<string, LoadedPlaylist>();
  readonly #loading = new Map<string, Promise<LoadedPlaylist>>();
  /** Where redirects led, by the URL that was asked. */
  readonly #chosen = new Map<string, string>();

  constructor(options: PlaylistLoaderOptions) {
    this.#options = options;
  }

  /**
   * `awaited`: the provider is asked to answer when it has that. `waitMs`: for as long as it may take then.
   * @throws StreampoolError UPSTREAM_*, PROVIDER_LIMIT; the signal's reason
   */
  load(
    { url, from }: { readonly url: string; readonly from?: string },
    signal: AbortSignal,
    blocking?: Blocking,
  ): Promise<LoadedPlaylist> {
    const { clock, onOutcome } = this.#options;
    const kept = this.#kept.get(url);
    if (kept && !blocking && kept.freshUntilMs > clock.now()) {
      this.#keep(url, kept);
      onOutcome('hit', kept.text.length);
      return Promise.resolve(kept);
    }
    const asked = blocking ? withDirectives(url, blocking.awaited) : url;
    const known = this.#loading.get(asked);
    if (known) {
      onOutcome('shared', 0);
      return known;
    }
    const loading = this.#insist({ url, from }, signal, kept?.reloadMs, blocking).then((loaded) => {
      this.#keep(url, loaded);
      return loaded;
    });
    this.#loading.set(asked, loading);
    const over = (): void => void this.#loading.delete(asked);
    loading.then(over, over);
    return loading;
  }

  /** What is kept of it is not to be believed any more. */
  forget(url: string): void {
    this.#kept.delete(url);
    this.#chosen.delete(url);
  }

  /**
   * A live playlist that has been had before is asked for again when there is no answer by the time that its next segment
   * is due: what is lost once on the way is not a source that has failed. All that together takes no longer than one answer may.
   */
  async #insist(
    what: { readonly url: string; readonly from?: string | undefined },
    signal: AbortSignal,
    reloadMs: number | undefined,
    blocking?: Blocking,
  ): Promise<LoadedPlaylist> {
    let leftMs = this.#options.connection.firstByteMs;
    let fresh = false;
    const patienceMs = Math.max(LEAST_RELOAD_MS, reloadMs ?? leftMs);
    while (!blocking && patienceMs + LEAST_RELOAD_MS <= leftMs) {
      try {
        return await this.#loadChosen(what, signal, { firstByteMs: patienceMs, fresh });
      } catch (error) {
        if (signal.aborted || !isLate(error)) throw error;
        leftMs -= patienceMs;
        // The kept connections may all lead nowhere by now.
        fresh = true;
      }
    }
    return this.#loadChosen(what, signal, { firstByteMs: leftMs, fresh }, blocking);
  }

  /** Where the provider has sent us before, and from the beginning where that is over. */
  async #loadChosen(
    { url, from }: { readonly url: string; readonly from?: string | undefined },
    signal: AbortSignal,
    patience: Patience,
    blocking?: Blocking,
  ): Promise<LoadedPlaylist> {
    const at = (place: string, led: string | undefined): Promise<LoadedPlaylist> => {
      const asked = blocking ? withDirectives(place, blocking.awaited) : place;
      return this.#load(asked, led, signal, blocking ? { firstByteMs: blocking.waitMs } : patience);
    };
    if (!this.#options.sticky) return at(url, from);
    const chosen = this.#chosen.get(url);
    if (chosen !== undefined) {
      try {
        // Led there by the provider, as at the first time: no less is checked of it.
        return await at(chosen, url);
      } catch (error) {
        this.#chosen.delete(url);
        if (signal.aborted) throw error;
      }
    }
    const loaded = await at(url, from);
    // What a blocking reload was redirected to has its directives.
    if (!blocking && loaded.baseUrl !== url) this.#choose(url, loaded.baseUrl);
    return loaded;
  }

  #choose(url: string, place: string): void {
    this.#chosen.set(url, place);
    const [oldest] = this.#chosen.keys();
    if (this.#chosen.size > MOST_PLAYLISTS && oldest !== undefined) this.#chosen.delete(oldest);
  }

  async #load(
    url: string,
    from: string | undefined,
    signal: AbortSignal,
    { firstByteMs, fresh = false }: Patience,
  ): Promise<LoadedPlaylist> {
    const { connection, clock, onOutcome } = this.#options;
    const response = await connection.fetch({ url, fresh, ...(from !== undefined && { from }) }, signal, {
      firstByteMs,
    });
    try {
      const refusal = statusRefusal(response);
      if (refusal) throw refusal;
      const body = await collect(response.body);
      const contentType = response.headers['content-type'];
      if (!isPlaylist(contentType, body, response.url))
        throw (
          mediaRefusal(contentType, body) ??
          new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sent something else instead of a playlist')
        );
      onOutcome('miss', body.length);
      const text = decodePlaylist(body);
      const freshMs = freshMsOf(text, freshForMs(response.headers, clock.wallNow()));
      return {
        text,
        baseUrl: response.url,
        isMultivariant: isMultivariant(text),
        freshUntilMs: clock.now() + freshMs,
        reloadMs: reloadMsOf(text),
      };
    } finally {
      response.close();
    }
  }

  #keep(url: string, loaded: LoadedPlaylist): void {
    this.#kept.delete(url);
    this.#kept.set(url, loaded);
    let size = 0;
    for (const { text } of this.#kept.values()) size += text.length;
    for (const [oldest, { text }] of this.#kept) {
      if ((size <= MOST_KEPT && this.#kept.size <= MOST_PLAYLISTS) || oldest === url) return;
      size -= text.length;
      this.#kept.delete(oldest);
    }
  }
}

/**
 * A live playlist is fresh for half a target duration at most, which is how soon a player may ask again (RFC 8216 §6.3.4): with
 * low latency until its next part. Multivariant playlists stay: some providers begin a session with each one they give.
 */
function freshMsOf(text: string, ownMs: number | undefined): number {
  if (isMultivariant(text)) return Number.POSITIVE_INFINITY;
  if (/^[ \t]*#EXT-X-ENDLIST/m.test(text)) return Math.max(LASTING_MS, ownMs ?? 0);
  const partMs = numberOf(text, /^[ \t]*#EXT-X-PART-INF:.*PART-TARGET=([\d.]+)/m);
  const targetMs = numberOf(text, /^[ \t]*#EXT-X-TARGETDURATION:\s*([\d.]+)/m) ?? DEFAULT_TARGET_MS;
  const mostMs = Math.max(LEAST_FRESH_MS, (partMs ?? targetMs) / 2);
  // "Not to be kept" is said of live playlists as a matter of course; it is no reason to ask for each viewer.
  return ownMs === undefined || ownMs === 0 ? mostMs : Math.min(mostMs, Math.max(mostMs / 2, ownMs));
}

function reloadMsOf(text: string): number | undefined {
  if (isMultivariant(text) || /^[ \t]*#EXT-X-ENDLIST/m.test(text)) return undefined;
  return numberOf(text, /^[ \t]*#EXT-X-TARGETDURATION:\s*([\d.]+)/m);
}

/** Nothing has come, or every connection was waiting for something else. */
function isLate(error: unknown): boolean {
  return isStreampoolError(error, 'UPSTREAM_TIMEOUT') || isStreampoolError(error, 'CAPACITY_EXHAUSTED');
}

function numberOf(text: string, pattern: RegExp): number | undefined {
  const seconds = Number.parseFloat(pattern.exec(text)?.[1] ?? '');
  return seconds > 0 ? seconds * 1000 : undefined;
}

/** The query stays as it is: it may be signed. */
function withDirectives(url: string, { sequence, part }: Awaited): string {
  const [plain = '', fragment] = url.split('#', 2);
  const directives = `_HLS_msn=${sequence}${part === undefined ? '' : `&_HLS_part=${part}`}`;
  return `${plain}${plain.includes('?') ? '&' : '?'}${directives}${fragment === undefined ? '' : `#${fragment}`}`;
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > MOST_BYTES)
      throw new StreampoolError(
        'UPSTREAM_NOT_MEDIA',
        `The provider's playlist has more than ${MOST_BYTES} bytes`,
      );
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
