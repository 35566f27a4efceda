import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { ERRORS, type ErrorCode, StreampoolError } from '@streampool/errors';
import type { Span } from '@streampool/tracing';
import type { Clock } from '../clock.ts';
import type { RelayPosition } from './relay-feed.ts';
import { type LastWord, RelayBody } from './relay-signal.ts';

const MOST_ERROR_BYTES = 16 * 1024;
/** A connection that is cut is taken up again at most this often, ms; more often than that, something else is wrong. */
const RESUME_EVERY_MS = 1_000;

/** Why a relay ended. */
export type RelayEnd =
  /** The content is complete. */
  | { readonly kind: 'complete' }
  /** `died`: the node itself is gone or stuck, not only this connection. `epoch`: under which it owned the stream, where it said so. */
  | { readonly kind: 'lost'; readonly died: boolean; readonly epoch?: number; readonly reason: string }
  /** That node is not the owner, and was not made it. */
  | { readonly kind: 'elsewhere' }
  /** The owner cannot play the stream either. */
  | { readonly kind: 'refused'; readonly error: StreampoolError };

export interface RelayReaderOptions {
  /** The other node's base URL. */
  readonly url: string;
  readonly streamId: string;
  readonly node: string;
  readonly token: string;
  readonly deposes?: number;
  /**
   * Begins with what comes from now on, instead of with the newest keyframe: who has something to play until the next one
   * would only get ahead of the time.
   */
  readonly joinNext: boolean;
  readonly connectMs: number;
  /** From the connection to the answer, which waits for the first picture. */
  readonly answerMs: number;
  /** Silence after which the node counts as stuck; it speaks several times within it. */
  readonly stallMs: number;
  readonly clock: Clock;
  /** For traces: from the request to the answer. It is told to the other node. */
  readonly openSpan?: () => Span;
  /** Whole packets, valid until the call returns. */
  readonly onData: (packets: Buffer) => void;
  /** The node has answered: it plays the stream under this epoch. */
  readonly onOpen: (epoch: number) => void;
  /** Another node owns the stream now; this one plays on until the reader leaves. */
  readonly onMoved: () => void;
  /** Called once, unless it was closed. */
  readonly onEnd: (end: RelayEnd) => void;
}

/**
 * Reads a stream from the node that owns it. A connection that is cut is taken up again where it ended, once: if the node
 * is there and has those bytes, nobody notices; if it is not there, it has died.
 */
export class RelayReader {
  readonly #options: RelayReaderOptions;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  /** Of connections: what an older one still says is ignored. */
  #generation = 0;
  #position: RelayPosition | undefined;
  #resumedMs = Number.NEGATIVE_INFINITY;
  #cancelDeadline: () => void = () => {};
  #heardMs = 0;
  #paused = false;
  #done = false;
  #span: Span | undefined;

  constructor(options: RelayReaderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#connect();
  }

  pause(): void {
    this.#paused = true;
    this.#response?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#heardMs = this.#options.clock.now();
    this.#response?.resume();
  }

  /** Idempotent. */
  close(): void {
    this.#done = true;
    this.#drop();
  }

  #connect(): void {
    const generation = ++this.#generation;
    const { url, token, node, connectMs, answerMs } = this.#options;
    const isCurrent = (): boolean => generation === this.#generation && !this.#done;
    const ask = url.startsWith('https:') ? httpsRequest : httpRequest;
    this.#span = this.#options.openSpan?.();
    const traceparent = this.#span?.traceparent;
    const request = ask(this.#url(), {
      agent: false,
      headers: {
        ...{ Authorization: `Bearer ${token}`, 'X-Streampool-Node': node },
        ...(traceparent !== undefined && { traceparent }),
      },
    });
    this.#request = request;
    this.#deadline(connectMs, 'it cannot be connected to');
    request.on('socket', (socket) =>
      socket.once('connect', () => {
        if (isCurrent()) this.#deadline(answerMs, 'it does not answer');
      }),
    );
    request.on('error', (error: NodeJS.ErrnoException) => {
      // An answer that broke off says so itself.
      if (isCurrent() && !this.#response) this.#lost(true, error.code ?? error.message);
    });
    request.on('response', (response) => {
      if (isCurrent()) this.#onResponse(response, isCurrent);
      else response.destroy();
    });
    request.end();
  }

  #url(): string {
    const { url, streamId, deposes, joinNext } = this.#options;
    const query = new URLSearchParams();
    if (joinNext) query.set('join', 'next');
    if (deposes !== undefined) query.set('deposes', `${deposes}`);
    if (this.#position) {
      query.set('epoch', `${this.#position.epoch}`);
      query.set('ring', this.#position.ring);
      query.set('offset', `${this.#position.offset}`);
    }
    return `${url}/internal/streams/${encodeURIComponent(streamId)}/relay?${query}`;
  }

  #onResponse(response: IncomingMessage, isCurrent: () => boolean): void {
    this.#response = response;
    this.#cancelDeadline();
    response.on('error', () => {});
    if (response.statusCode !== 200) {
      this.#readRefusal(response, isCurrent);
      return;
    }
    const number = (name: string): number => Number(response.headers[name] ?? Number.NaN);
    const start: RelayPosition = {
      epoch: number('x-stream-epoch'),
      ring: String(response.headers['x-stream-ring'] ?? ''),
      offset: number('x-stream-offset'),
    };
    const wanted = this.#position;
    if (
      wanted &&
      (wanted.epoch !== start.epoch || wanted.ring !== start.ring || wanted.offset !== start.offset)
    ) {
      this.#lost(false, 'it does not have the next bytes any more');
      return;
    }
    let offset = start.offset - number('x-stream-tables');
    if (!Number.isFinite(offset) || !Number.isFinite(start.epoch)) {
      this.#lost(false, 'its answer is no relay');
      return;
    }
    this.#position = start;
    this.#span?.end();
    this.#options.onOpen(start.epoch);
    if (!isCurrent()) return;
    const body = new RelayBody({
      packets: (run) => {
        if (!isCurrent()) return;
        offset += run.length;
        if (offset >= start.offset) this.#position = { ...start, offset };
        this.#options.onData(run);
      },
      word: (word) => {
        if (!isCurrent() || word === 'alive') return;
        if (word === 'moved') this.#options.onMoved();
        else this.#onLastWord(word);
      },
    });
    this.#heardMs = this.#options.clock.now();
    this.#watch();
    response.on('data', (chunk: Buffer) => {
      if (!isCurrent()) return;
      this.#heardMs = this.#options.clock.now();
      body.push(chunk);
    });
    response.once('close', () => {
      if (isCurrent()) this.#onCut();
    });
    if (this.#paused) response.pause();
  }

  #onLastWord(word: LastWord): void {
    if (word === 'ended') this.#end({ kind: 'complete' });
    else this.#lost(word === 'leaving', `it ${word === 'leaving' ? 'is shutting down' : `says: ${word}`}`);
  }

  #onCut(): void {
    const now = this.#options.clock.now();
    if (now - this.#resumedMs < RESUME_EVERY_MS) {
      this.#lost(false, 'the connection is cut again and again');
      return;
    }
    this.#resumedMs = now;
    this.#drop();
    this.#connect();
  }

  #readRefusal(response: IncomingMessage, isCurrent: () => boolean): void {
    const { statusCode = 0 } = response;
    let text = '';
    this.#deadline(this.#options.stallMs, 'its answer does not end');
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      if (text.length < MOST_ERROR_BYTES) text += part;
    });
    response.once('close', () => {
      if (!isCurrent()) return;
      const { code, detail, retryAfterSeconds } = parseRefusal(text);
      if (code === 'OWNER_CHANGED') this.#end({ kind: 'elsewhere' });
      else if (code === 'SHUTTING_DOWN') this.#lost(true, 'it is shutting down');
      else if (code && code !== 'STATE_UNAVAILABLE' && !code.startsWith('TOKEN_'))
        this.#end({
          kind: 'refused',
          error: new StreampoolError(
            code,
            detail,
            retryAfterSeconds === undefined ? {} : { retryAfterSeconds },
          ),
        });
      else this.#lost(false, `it answers ${statusCode} ${code ?? ''}`);
    });
  }

  /** Looks again when the deadline could have passed at the earliest, so that data need not re-arm a timer. */
  #watch(): void {
    const { clock, stallMs } = this.#options;
    const look = (): void => {
      if (this.#paused) this.#heardMs = clock.now();
      const silentMs = clock.now() - this.#heardMs;
      if (silentMs >= stallMs) this.#lost(true, `nothing was heard of it for ${stallMs / 1000} s`);
      else this.#cancelDeadline = clock.after(Math.max(1, stallMs - silentMs), look);
    };
    this.#cancelDeadline = clock.after(stallMs, look);
  }

  #deadline(ms: number, reason: string): void {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#options.clock.after(ms, () => this.#lost(true, reason));
  }

  #lost(died: boolean, reason: string): void {
    const epoch = this.#position?.epoch;
    this.#end({ kind: 'lost', died, reason, ...(epoch !== undefined && { epoch }) });
  }

  #end(end: RelayEnd): void {
    if (this.#done) return;
    this.#span?.end(end.kind === 'refused' ? end.error : { code: end.kind.toUpperCase() });
    this.close();
    this.#options.onEnd(end);
  }

  #drop(): void {
    this.#generation += 1;
    this.#span?.end();
    this.#cancelDeadline();
    this.#request?.destroy();
    this.#response?.destroy();
    this.#request = undefined;
    this.#response = undefined;
  }
}

function parseRefusal(text: string): { code?: ErrorCode; detail: string; retryAfterSeconds?: number } {
  try {
    const { code, detail, retryAfterSeconds } = JSON.parse(text) as Record<string, unknown>;
    const isKnown = typeof code === 'string' && Object.hasOwn(ERRORS, code);
    return {
      ...(isKnown && { code: code as ErrorCode }),
      detail: typeof detail === 'string' ? detail : '',
      ...(typeof retryAfterSeconds === 'number' && { retryAfterSeconds }),
    };
  } catch {
    return { detail: '' };
  }
}
