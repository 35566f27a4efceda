import { setTimeout as delay } from 'node:timers/promises';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { BodySink, UpstreamResponse, UpstreamTarget } from '@streampool/upstream';
import { type ConnectionFault, faultError } from '../drill/index.ts';
import { NOTED_GAP_MS } from '../source-run.ts';
import { within } from './deadline.ts';
import type { DirectSources } from './direct-sources.ts';
import { type OpenedStream, type OpenStreamOptions, openContinuous, openingMs } from './provider-stream.ts';
import { TransportRelay } from './transport-relay.ts';

/** How long one viewer's stream hopes for another source. Times in ms. */
export interface GoOnPolicy {
  /** Attempts after a break; counted anew once a source has played for `stableMs`. */
  readonly attempts: number;
  readonly stableMs: number;
  /** The wait before a URL is asked a second time; doubles with each round, with jitter. */
  readonly backoffMs: number;
  /** No attempt starts later than this after the last byte. */
  readonly deadlineMs: number;
  /** From a source's answer to its first keyframe. */
  readonly accessPointMs: number;
  /** The most that one attempt to open a URL may take. */
  readonly openMs: number;
}

export const DEFAULT_GO_ON_POLICY: GoOnPolicy = {
  ...{ attempts: 12, stableMs: 10_000, backoffMs: 250, deadlineMs: 30_000 },
  ...{ accessPointMs: 10_000, openMs: 5_000 },
};

export interface ContinuousPlayOptions extends OpenStreamOptions {
  /** How this viewer's sources are asked, whatever their URL. */
  readonly target: UpstreamTarget;
  readonly sources: Pick<DirectSources, 'configured' | 'urlOf' | 'next'>;
  readonly goOn: GoOnPolicy;
  /** Another source goes on, or the same one anew. `gapMs`: without bytes for the viewer. */
  readonly onSwitch?: (info: { index: number; reason: string; gapMs: number }) => void;
  /** The source that plays was silent for that long, at least {@link NOTED_GAP_MS}, and went on by itself. */
  readonly onGap?: (gapMs: number, index: number) => void;
}

const NOT_TS_AFTER_BYTES = 64 * 1024;

/**
 * One viewer's continuous stream over as many provider connections as it takes, one at a time. The first body goes to the
 * sink byte for byte; when it breaks off, falls silent or turns out not to be what it was, and it was MPEG-TS, the same
 * URL is asked again, then the next ones, and spliced on. The sink's `end` says why there was no further hope.
 */
export class ContinuousPlay implements Pick<UpstreamResponse, 'pause' | 'resume' | 'close' | 'closed'> {
  readonly closed: Promise<void>;
  readonly #options: ContinuousPlayOptions;
  readonly #opened: Pick<OpenedStream, 'response' | 'body'>;
  readonly #abort = new AbortController();
  #settleClosed: () => void = () => {};
  #response: UpstreamResponse;
  #going: Promise<void> = Promise.resolve();
  #relay: TransportRelay | undefined;
  #sink: BodySink | undefined;
  #index: number;
  #formerBytes = 0;
  #paused = false;
  #over = false;
  /** When the viewer last got bytes, and since when the source that plays has. */
  #lastByteMs = performance.now();
  #playingSinceMs = performance.now();
  #attempts = 0;
  /** Another URL is being made ready beside the one that plays. */
  #switching = false;
  /** What the end of the one that plays is to lead to, if it has ended while another one was being made ready. */
  #endedMeanwhile: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** A drill's. */
  #fault: { readonly fault: ConnectionFault; readonly index: number } | undefined;

  constructor(
    opened: Pick<OpenedStream, 'response' | 'body' | 'failoverIndex'>,
    options: ContinuousPlayOptions,
  ) {
    this.#opened = opened;
    this.#response = opened.response;
    this.#index = opened.failoverIndex;
    this.#options = options;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  /** Which URL is playing: 0 is the primary, n the n-th failover URL, or one that was named. */
  get index(): number {
    return this.#index;
  }

  get bytesReceived(): number {
    return this.#formerBytes + this.#response.bytesReceived;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    const relay = new TransportRelay(sink, () => performance.now());
    this.#relay = relay;
    this.#watchSilence();
    const { response } = this.#opened;
    this.#opened.body.attach({
      data: (chunk, retain) => {
        if (this.#response !== response) return;
        this.#noteBytes(performance.now());
        relay.untouched(chunk, retain);
      },
      end: (error) => {
        if (this.#response === response) this.#ended(error);
      },
    });
  }

  /**
   * Changes over to another URL, made ready beside the one that plays. What the first source sends goes out untouched, so
   * the picture that was under way at the seam may remain half a picture.
   * @throws StreampoolError why it cannot be played: then the one that plays goes on
   */
  async failover(index: number): Promise<void> {
    if (this.#over || this.#switching || !this.#relay?.canGoOn)
      throw new StreampoolError('STREAM_NOT_PLAYING', 'the viewer has no stream that could be gone on with');
    this.#switching = true;
    try {
      await this.#play(index, 'MANUAL', { beside: true });
    } catch (error) {
      throw isStreampoolError(error)
        ? error
        : new StreampoolError('INTERNAL', 'The source could not be changed', { cause: error });
    } finally {
      this.#switching = false;
      const ended = this.#endedMeanwhile;
      this.#endedMeanwhile = undefined;
      ended?.();
    }
  }

  /**
   * Makes the URL that plays look broken until `mend` is called, whatever connection of it is tried. False where that would
   * end the viewer: what plays cannot be gone on with.
   */
  break(fault: ConnectionFault): boolean {
    if (this.#over || !this.#relay?.canGoOn) return false;
    this.#fault = { fault, index: this.#index };
    if (fault === 'stall') this.#response.pause();
    else this.#ended(faultError(fault));
    return true;
  }

  /** Idempotent. What was only held back goes on. */
  mend(): void {
    const wasStalled = this.#isStalled;
    this.#fault = undefined;
    if (wasStalled && !this.#paused && !this.#over) this.#response.resume();
  }

  get #isStalled(): boolean {
    return this.#fault?.fault === 'stall' && this.#fault.index === this.#index;
  }

  pause(): void {
    this.#paused = true;
    this.#response.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#isStalled) return;
    this.#lastByteMs = performance.now();
    this.#response.resume();
  }

  /** Idempotent. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#watch);
    this.#abort.abort();
    this.#response.close();
    void this.#going.then(() => this.#response.closed).then(this.#settleClosed);
  }

  /** Looks when silence could have lasted too long at the earliest, so that bytes need not re-arm a timer. */
  #watchSilence(): void {
    const { stallMs, silenceMs = stallMs } = this.#options.timeouts;
    const look = (): void => {
      if (this.#over) return;
      if (this.#paused) this.#lastByteMs = performance.now();
      const left = silenceMs - (performance.now() - this.#lastByteMs);
      if (left > 0) this.#watch = setTimeout(look, Math.max(1, left));
      else if (this.#relay?.canGoOn)
        this.#ended(
          new StreampoolError('UPSTREAM_TIMEOUT', `The provider stopped sending for ${silenceMs / 1_000} s`),
        );
    };
    clearTimeout(this.#watch);
    this.#watch = setTimeout(look, silenceMs);
  }

  /** The source that plays has ended, by itself or because it is of no use. */
  #ended(error?: StreampoolError): void {
    if (this.#over) return;
    if (this.#switching) {
      const response = this.#response;
      this.#endedMeanwhile = () => {
        if (this.#response === response) this.#ended(error);
      };
      return;
    }
    clearTimeout(this.#watch);
    this.#response.close();
    if (!this.#relay?.canGoOn || (!error && this.#isComplete())) {
      this.#finish(error);
      return;
    }
    const { goOn } = this.#options;
    if (performance.now() - this.#playingSinceMs >= goOn.stableMs) this.#attempts = 0;
    const cause = error ?? new StreampoolError('UPSTREAM_CUT', 'The provider closed the connection');
    // A cut may be the connection's fault; silence is its source's, and so is a break soon after the last.
    this.#going = this.#goOn(cause, cause.code === 'UPSTREAM_CUT' && this.#attempts === 0);
  }

  /** A chunked body says when it is complete; one that ends with its connection does not. */
  #isComplete(): boolean {
    return /\bchunked\b/i.test(this.#response.headers['transfer-encoding'] ?? '');
  }

  /**
   * Tries the URLs in order, beginning with the same one or the next, until one plays. Where the resolver names one, that
   * goes before the order.
   */
  async #goOn(cause: StreampoolError, same: boolean): Promise<void> {
    const { sources, goOn, onBreak } = this.#options;
    onBreak?.(cause);
    let reason = cause;
    let tried = this.#index;
    for (let step = same ? 0 : 1; !this.#over; step++) {
      const rounds = Math.floor((step - 1) / sources.configured);
      const waitMs =
        step === 0 || rounds === 0 ? 0 : goOn.backoffMs * 2 ** (rounds - 1) * (0.5 + Math.random());
      const late = performance.now() + waitMs - this.#lastByteMs > goOn.deadlineMs;
      if (late || this.#attempts >= goOn.attempts) break;
      this.#attempts++;
      try {
        // The provider's only slot may be the one that is just being given up.
        await this.#response.closed;
        await delay(waitMs, undefined, { signal: this.#abort.signal });
        const fresh = cause.code === 'UPSTREAM_CUT';
        const named = step === 0 ? undefined : await sources.next({ index: tried, error: reason });
        const inOrder = step === 0 ? this.#index : (this.#index + step) % sources.configured;
        tried = named ?? inOrder;
        await this.#play(tried, cause.code, { fresh });
        return;
      } catch (error) {
        if (this.#over) return;
        this.#response.close();
        reason = isStreampoolError(error)
          ? error
          : new StreampoolError('INTERNAL', 'The stream could not be gone on with', { cause: error });
      }
    }
    if (!this.#over) this.#finish(reason);
  }

  /** Resolves when another source's pictures go out. @throws StreampoolError why they do not */
  async #play(
    index: number,
    reason: string,
    { fresh = false, beside = false }: { fresh?: boolean; beside?: boolean },
  ): Promise<void> {
    const { sources, goOn, timeouts, onSwitch } = this.#options;
    if (this.#fault?.index === index) {
      const { fault } = this.#fault;
      throw faultError(fault === 'stall' ? 'cut' : fault);
    }
    const target = { ...this.#options.target, url: sources.urlOf(index) };
    const limit = Math.min(openingMs(timeouts), goOn.openMs);
    const { response, body } = await within(limit, this.#abort.signal, (signal) =>
      openContinuous(target, this.#options, signal, { fresh }),
    );
    const playNow = (): void => {
      const former = this.#response;
      this.#formerBytes += former.bytesReceived;
      this.#response = response;
      former.close();
      if (this.#paused) response.pause();
    };
    if (!beside) playNow();
    if (this.#over) {
      response.close();
      return;
    }
    const feed = this.#relay!.next();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A viewer who takes nothing holds the source back, whose fault that is not.
    const timer = setInterval(() => {
      if (this.#paused) return;
      reject(new StreampoolError('STREAM_START_TIMEOUT', 'no access point (keyframe) came'));
    }, goOn.accessPointMs);
    const giveUp = (): void => resolve();
    this.#abort.signal.addEventListener('abort', giveUp);
    let goesOut = false;
    body.attach({
      data: (chunk) => {
        if (goesOut && this.#response !== response) return;
        const now = performance.now();
        if (goesOut) this.#noteBytes(now);
        if (!feed.push(chunk)) {
          if (feed.bytesUnsynced > NOT_TS_AFTER_BYTES)
            reject(new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sends no MPEG transport stream'));
          return;
        }
        if (goesOut) return;
        goesOut = true;
        if (beside) playNow();
        const gapMs = Math.round(now - this.#lastByteMs);
        this.#lastByteMs = now;
        this.#playingSinceMs = now;
        this.#index = index;
        this.#watchSilence();
        onSwitch?.({ index, reason, gapMs });
        resolve();
      },
      end: (error) => {
        if (goesOut) {
          if (this.#response === response) this.#ended(error);
        } else reject(error ?? new StreampoolError('UPSTREAM_CUT', 'The provider closed the connection'));
      },
    });
    try {
      await promise;
    } catch (error) {
      feed.close();
      if (beside) response.close();
      throw error;
    } finally {
      clearInterval(timer);
      this.#abort.signal.removeEventListener('abort', giveUp);
    }
  }

  #noteBytes(now: number): void {
    const silentMs = Math.round(now - this.#lastByteMs);
    this.#lastByteMs = now;
    if (silentMs >= NOTED_GAP_MS) this.#options.onGap?.(silentMs, this.#index);
  }

  #finish(error?: StreampoolError): void {
    const sink = this.#sink;
    this.#relay?.end();
    this.close();
    sink?.end(error);
  }
}
