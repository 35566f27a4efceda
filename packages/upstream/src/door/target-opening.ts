import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import { isPlaylist, rewritePlaylist } from '@streampool/hls';
import type { Slot } from '../connection-slots.ts';
import { withoutCredentials } from '../http/request-head.ts';
import { parseTargetUrl, sharesCredentials } from '../http/target-url.ts';
import { extensionOf, mediaTypeOf } from '../media/media-type.ts';
import { canJudge, mediaRefusal, statusRefusal } from '../media/refusal.ts';
import { resourceKind } from '../media/resource-kind.ts';
import { openBareBody } from '../transfer/bare-body.ts';
import { collectBody } from '../transfer/collect-body.ts';
import { type PeekedBody, peekBody } from '../transfer/peek.ts';
import { ResumableResponse } from '../transfer/resumable-response.ts';
import { SocketPump } from '../transfer/socket-pump.ts';
import type { UpstreamClient, UpstreamResponse, UpstreamTarget, UpstreamTimeouts } from '../types.ts';
import { dataOf } from './data-uri.ts';
import { OpeningSlot } from './opening-slot.ts';
import { type DoorEntry, PlaylistAddresses } from './playlist-addresses.ts';

/** What is reported about an opening while a reader uses it. Nothing is called after it was closed. */
export interface DoorHandlers {
  /** The provider's answer to the first request that got one. */
  onOpened?(info: { status: number; contentType: string | undefined; url: string }): void;
  /** Why the reader did not get what it asked for. `info.role` says what that was (`entry`, `segment`, …). */
  onError?(error: StreampoolError): void;
}

export interface DoorTimeouts extends UpstreamTimeouts {
  /** A body from which nothing arrives for this long is given up, in ms. */
  readonly stallMs: number;
}

export interface TargetOpeningOptions {
  readonly client: UpstreamClient;
  readonly target: UpstreamTarget;
  readonly handlers: DoorHandlers;
  readonly timeouts: DoorTimeouts;
  /** Where the opening is found, without a slash at the end. */
  readonly base: string;
}

export interface DoorStats {
  readonly requests: number;
  readonly openConnections: number;
  /** Body bytes handed to readers. */
  readonly bytes: number;
}

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
const MAX_PLAYLIST_BYTES = 16 * 1024 * 1024;
/** FFmpeg reads 4,095 bytes of a line, and would take the first part of an address for a whole one. */
const MAX_ADDRESS_LINE = 4_000;
const ENTRY_ROLE = 'entry';
/** What need not look like media: keys are any 16 bytes, session data is JSON. */
const UNJUDGED: ReadonlySet<string> = new Set(['key', 'session-data']);

/** One target behind the door: a continuous stream, a file, or a playlist with all that it refers to. */
export class TargetOpening {
  readonly url: string;
  readonly #options: TargetOpeningOptions;
  readonly #entry: DoorEntry;
  readonly #addresses = new PlaylistAddresses();
  readonly #slot: OpeningSlot;
  readonly #active = new Set<Promise<void>>();
  /** Ends each reader that is being served, and what it reads. */
  readonly #readers = new Map<() => void, { readonly entry: DoorEntry; readonly served: Promise<void> }>();
  #closed = false;
  #requests = 0;
  /** Bytes of bodies that are over. */
  #bytes = 0;
  readonly #pumps = new Set<SocketPump>();
  #opened = false;

  constructor(options: TargetOpeningOptions) {
    this.#options = options;
    this.#slot = new OpeningSlot(options.client, options.target);
    this.#entry = { url: options.target.url, role: ENTRY_ROLE };
    this.url = `${options.base}/${nameOf(options.target.url)}`;
  }

  get stats(): DoorStats {
    let bytes = this.#bytes;
    for (const pump of this.#pumps) bytes += pump.bytes;
    return { requests: this.#requests, openConnections: this.#active.size, bytes };
  }

  /** Answers a reader. `path` is what follows the base, such as `stream.m3u8` or `ID/stream.ts`. */
  handle(path: string, req: IncomingMessage, res: ServerResponse): void {
    const parts = path.split('/');
    const entry = parts.length > 1 ? this.#addresses.find(parts[0] ?? '') : this.#entry;
    if (!entry || this.#closed) {
      res.writeHead(404).end();
      return;
    }
    this.#requests++;
    if (entry.url.startsWith('data:')) {
      this.#sendData(entry, res);
      return;
    }
    const served = this.#serve(entry, parts[0] ?? '', req, res);
    this.#active.add(served);
    void served.then(() => this.#active.delete(served));
  }

  /** Ends all connections. Idempotent; settles once those to the provider are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#readers.keys()) stop();
    await Promise.all(this.#active);
    await this.#slot.release();
  }

  /** Never rejects. Settles when the provider's connection is closed. */
  async #serve(entry: DoorEntry, name: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const leaving = new AbortController();
    const leave = (): void => leaving.abort(new StreampoolError('STREAM_STOPPED', 'The reader left'));
    const stop = (): void => {
      leave();
      res.destroy();
    };
    res.once('close', leave);
    const { promise: served, resolve: settle } = Promise.withResolvers<void>();
    const former = [...this.#readers].filter(([, reader]) => reader.entry === entry);
    this.#readers.set(stop, { entry, served });
    let response: UpstreamResponse | undefined;
    try {
      const slot = await this.#slot.take();
      if (slot && entry === this.#entry) await endAll(former);
      leaving.signal.throwIfAborted();
      response = await this.#request(entry, slot, req, leaving.signal);
      const opened = response;
      leaving.signal.addEventListener('abort', () => opened.close());
      if (leaving.signal.aborted) opened.close();
      else await this.#answer(entry, name, opened, req, res, leaving.signal);
    } catch (error) {
      if (!leaving.signal.aborted) this.#refuse(entry, error, res);
      response?.close();
    }
    await response?.closed;
    this.#readers.delete(stop);
    settle();
  }

  async #request(
    entry: DoorEntry,
    slot: Slot | undefined,
    req: IncomingMessage,
    signal: AbortSignal,
  ): Promise<ResumableResponse> {
    const { client, timeouts } = this.#options;
    const { resolver } = this.#options.target;
    // Of a page: what is on it, and what has to be told there.
    const target =
      (resolver && (await client.resolve?.(this.#options.target, signal))) ?? this.#options.target;
    const own =
      entry === this.#entry || sharesCredentials(parseTargetUrl(target.url), parseTargetUrl(entry.url));
    // Readers ask for `bytes=0-` as a matter of course; it upsets providers of continuous streams, and says nothing.
    const { range } = req.headers;
    const wanted = range === 'bytes=0-' && resourceKind(entry.url) !== 'file' ? undefined : range;
    return ResumableResponse.open(
      client,
      {
        url: entry.url,
        ...(resolver && entry === this.#entry && { resolver }),
        method: req.method === 'HEAD' ? 'HEAD' : 'GET',
        headers: own ? target.headers : withoutCredentials(target.headers),
        ...(target.userAgent === undefined ? {} : { userAgent: target.userAgent }),
        ...(wanted === undefined ? {} : { range: wanted }),
        ...(slot && { slot }),
        ...(entry.from !== undefined && { from: entry.from }),
      },
      { timeouts, signal },
    );
  }

  async #answer(
    entry: DoorEntry,
    name: string,
    response: UpstreamResponse,
    req: IncomingMessage,
    res: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const contentType = response.headers['content-type'];
    if (!this.#opened && !this.#closed) {
      this.#opened = true;
      this.#options.handlers.onOpened?.({ status: response.status, contentType, url: response.url });
    }
    if (response.status === 416) {
      const total = response.headers['content-range'];
      res.writeHead(416, total === undefined ? {} : { 'Content-Range': total }).end();
      response.close();
      return;
    }
    const refusal = statusRefusal(response);
    if (refusal) throw refusal;
    if (req.method === 'HEAD') {
      const length = response.headers['content-length'];
      const described = length === undefined ? {} : { 'Content-Length': length };
      res.writeHead(response.status, { ...bodyHeaders(response), ...described }).end();
      response.close();
      return;
    }
    const { firstByteMs, stallMs } = this.#options.timeouts;
    const body = await peekBody(response, { enough: canJudge, timeoutMs: firstByteMs, stallMs, signal });
    if (!UNJUDGED.has(entry.role)) {
      if (isPlaylist(contentType, body.start, response.url)) {
        await this.#sendPlaylist(name, response, body, res, signal);
        return;
      }
      const notMedia = mediaRefusal(contentType, body.start) ?? undecided(body);
      if (notMedia) throw notMedia;
    }
    await this.#sendBody(entry, response, body, res);
  }

  async #sendPlaylist(
    name: string,
    response: UpstreamResponse,
    body: PeekedBody,
    res: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const text = (await collectBody(body, MAX_PLAYLIST_BYTES, signal)).toString('utf8');
    response.close();
    const idOf = this.#addresses.version(name, response.url);
    const { base } = this.#options;
    const rewritten = rewritePlaylist(text, {
      baseUrl: response.url,
      rewriteUri: (url, role) => `${base}/${idOf(url, role)}/${nameOf(url)}`,
      rewriteData: (uri, role) => `${base}/${idOf(uri, role)}/stream`,
    });
    if (rewritten.match(/[^\r\n]+/g)?.some((line) => line.length > MAX_ADDRESS_LINE && line.includes(base))) {
      throw new StreampoolError(
        'UPSTREAM_NOT_MEDIA',
        'The playlist has an address in a line that is too long',
      );
    }
    const bytes = Buffer.from(rewritten);
    this.#bytes += bytes.length;
    res.writeHead(200, { 'Content-Type': PLAYLIST_TYPE, 'Content-Length': bytes.length }).end(bytes);
  }

  /** What stands in the playlist itself: FFmpeg would open it by a protocol of its own. */
  #sendData(entry: DoorEntry, res: ServerResponse): void {
    const bytes = dataOf(entry.url);
    if (!bytes || isPlaylist(undefined, bytes, '')) {
      const what = bytes ? 'a playlist inside a data: address' : 'a data: address that cannot be read';
      this.#refuse(entry, new StreampoolError('UPSTREAM_NOT_MEDIA', `The playlist refers to ${what}`), res);
      return;
    }
    this.#bytes += bytes.length;
    res
      .writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes.length })
      .end(bytes);
  }

  /** Settles when the provider's connection is closed. */
  #sendBody(
    entry: DoorEntry,
    response: UpstreamResponse,
    body: PeekedBody,
    res: ServerResponse,
  ): Promise<void> {
    const socket = openBareBody(res, response.status, bodyHeaders(response));
    if (!socket) {
      response.close();
      return response.closed;
    }
    const pump = new SocketPump(socket, response, (error) => {
      if (error) this.#report(entry, error);
      // A body that falls short of its promised length must not look complete.
      if (error && response.contentLength !== undefined) socket.destroy();
      else socket.end();
    });
    this.#pumps.add(pump);
    body.attach(pump);
    return response.closed.then(() => {
      this.#pumps.delete(pump);
      this.#bytes += pump.bytes;
    });
  }

  #refuse(entry: DoorEntry, error: unknown, res: ServerResponse): void {
    const reason = isStreampoolError(error)
      ? error
      : new StreampoolError('INTERNAL', 'The door failed', { cause: error });
    this.#report(entry, reason);
    if (res.headersSent) {
      res.destroy();
      return;
    }
    const status = reason.info.upstreamStatus;
    res.writeHead(typeof status === 'number' && status >= 400 ? status : reason.status).end();
  }

  #report(entry: DoorEntry, error: StreampoolError): void {
    if (this.#closed) return;
    const { cause, message, code, info } = error;
    this.#options.handlers.onError?.(
      new StreampoolError(code, message, { cause, info: { ...info, role: entry.role } }),
    );
  }
}

/** A reader that seeks opens its next connection before it closes the one before; a counted one must have gone by then. */
async function endAll(
  readers: readonly [stop: () => void, { readonly served: Promise<void> }][],
): Promise<void> {
  for (const [stop] of readers) stop();
  await Promise.all(readers.map(([, { served }]) => served));
}

function bodyHeaders(response: UpstreamResponse): OutgoingHttpHeaders {
  const { headers, contentLength, status } = response;
  const out: OutgoingHttpHeaders = { 'Content-Type': mediaTypeOf(headers['content-type'], response.url) };
  if (contentLength !== undefined) out['Content-Length'] = contentLength;
  if (headers['accept-ranges'] !== undefined) out['Accept-Ranges'] = headers['accept-ranges'];
  if (status === 206 && headers['content-range'] !== undefined)
    out['Content-Range'] = headers['content-range'];
  return out;
}

/** A body that has shown less than the header of a playlist could still become one, and would be passed on unread. */
function undecided({ start, complete }: PeekedBody): StreampoolError | undefined {
  if (complete || !'#EXTM3U'.startsWith(start.toString('latin1').trimStart())) return undefined;
  return new StreampoolError('UPSTREAM_TIMEOUT', 'The provider sent too little to tell what it is');
}

/** Readers judge by extension (FFmpeg refuses playlists and segments that have none, or an unusual one). */
function nameOf(url: string): string {
  const extension = extensionOf(url);
  return extension === '' || extension === 'php' ? 'stream' : `stream.${extension}`;
}
