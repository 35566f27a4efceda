import type { Socket } from 'node:net';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import {
  openBareBody,
  resetSocket,
  SocketPump,
  type UpstreamClient,
  type UpstreamResponse,
} from '@streampool/upstream';
import { type ConnectionFault, GapSink } from '../drill/index.ts';
import type { DetachReason, StreamSpec, ViewerRequest, ViewerSnapshot } from '../engine-api.ts';
import { BodyWindow } from './body-window.ts';
import {
  ContinuousPlay,
  type ContinuousPlayOptions,
  DEFAULT_GO_ON_POLICY,
  type GoOnPolicy,
} from './continuous-play.ts';
import { within } from './deadline.ts';
import { DirectSources } from './direct-sources.ts';
import { answerHead } from './head-answer.ts';
import { type OpenedStream, openingMs, openStream, type ProviderTimeouts } from './provider-stream.ts';

export interface DirectOptions {
  readonly client: UpstreamClient;
  /** By default the spec's own URLs. */
  readonly sources?: DirectSources;
  readonly timeouts: ProviderTimeouts;
  /** A viewer whose socket takes nothing for this long, while there is something to take, is dropped; ms. */
  readonly clientTimeoutMs: number;
  /** The same for a file, whose viewer may have paused; `clientTimeoutMs` by default. */
  readonly pausedFileMs?: number;
  /** How long reads of a continuous source may pause so that the kernel batches; ms, 0 reads at once. */
  readonly paceMs: number;
  /** Told of each break of a provider's connection that is being mended. */
  readonly onBreak?: (error: StreampoolError) => void;
  /** Told when a continuous stream goes on, from the same URL or another one. */
  readonly onSwitch?: NonNullable<ContinuousPlayOptions['onSwitch']>;
  readonly onGap?: NonNullable<ContinuousPlayOptions['onGap']>;
  /** How long a continuous stream hopes for another source. */
  readonly goOn?: GoOnPolicy;
}

/**
 * One viewer of a direct stream and its own provider connection. That is opened when the viewer has asked and closed
 * the moment the viewer's socket closes, whatever was going on; the bytes in between are passed on untouched, at the
 * pace at which the viewer takes them.
 *
 * Teardown: whichever side ends first ends the other; `closed` settles once, when the provider's connection is gone.
 */
export class DirectViewer {
  readonly closed: Promise<DetachReason>;
  readonly #spec: StreamSpec;
  readonly #viewer: ViewerRequest;
  readonly #options: DirectOptions;
  readonly #sources: DirectSources;
  /** Stops the opening of the provider's stream; gone once that is open. */
  #opening: AbortController | undefined;
  readonly #connectedAt = Date.now();
  #settle: (reason: DetachReason) => void = () => {};
  #reason: DetachReason | undefined;
  #response: Pick<UpstreamResponse, 'bytesReceived' | 'close' | 'closed'> | undefined;
  #continuous: ContinuousPlay | undefined;
  #gaps: GapSink | undefined;
  #failoverIndex = 0;
  #socket: Socket | undefined;
  #pump: SocketPump | undefined;
  #error: StreampoolError | undefined;

  constructor(spec: StreamSpec, viewer: ViewerRequest, options: DirectOptions) {
    this.#spec = spec;
    this.#viewer = viewer;
    this.#options = options;
    this.#sources = options.sources ?? new DirectSources(spec);
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get clientId(): string {
    return this.#viewer.clientId;
  }

  /** Which URL is playing: 0 is the primary, n the n-th failover URL, or one that was named. */
  get failoverIndex(): number {
    return this.#continuous?.index ?? this.#failoverIndex;
  }

  /** Body bytes that have come from the provider. */
  get bytesIn(): number {
    return this.#response?.bytesReceived ?? 0;
  }

  /** What ended the provider's body, or kept it from starting. */
  get error(): StreampoolError | undefined {
    return this.#error;
  }

  snapshot(): ViewerSnapshot {
    const { clientId, ip, userAgent, username } = this.#viewer;
    return {
      clientId,
      streamId: this.#spec.id,
      ip,
      userAgent,
      ...(username === undefined ? {} : { username }),
      connectedAt: this.#connectedAt,
      lastActive: this.#pump?.progressAt ?? this.#connectedAt,
      bytes: this.#pump?.bytes ?? 0,
      lagBytes: this.#socket?.writableLength ?? 0,
      skips: 0,
    };
  }

  /**
   * Answers the viewer. Resolves when the response head has been written. Call it once.
   * @throws StreampoolError before anything was written: UPSTREAM_*, METHOD_NOT_ALLOWED; STREAM_STOPPED when the
   *   viewer left or `close` was called meanwhile
   */
  async start(): Promise<void> {
    const { req, res } = this.#viewer;
    res.once('close', this.#onLeave);
    if (res.destroyed || res.socket?.destroyed) this.#detach('left');
    const opening = new AbortController();
    this.#opening = opening;
    try {
      if (this.#reason !== undefined) throw viewerGone();
      if (req.method === 'HEAD') {
        await within(openingMs(this.#options.timeouts), opening.signal, (signal) =>
          answerHead(this.#spec, req, res, this.#options, signal),
        );
        this.#detach('ended');
      } else if (req.method === 'GET') {
        const opened = await openStream(this.#spec, this.#sources, req, this.#options, opening.signal);
        this.#response = opened.response;
        this.#failoverIndex = opened.failoverIndex;
        // The viewer may have left after the stream was open and before this line was reached.
        if (this.#reason !== undefined) throw viewerGone();
        this.#play(opened);
      } else
        throw new StreampoolError('METHOD_NOT_ALLOWED', `A stream cannot be asked for with ${req.method}`);
    } catch (error) {
      this.#error ??= isStreampoolError(error)
        ? error
        : new StreampoolError('INTERNAL', 'Passing the stream through failed', { cause: error });
      this.#detach('failed');
      throw this.#error;
    } finally {
      this.#opening = undefined;
      if (this.#reason !== undefined) this.#release(this.#reason);
    }
  }

  /** See `ContinuousPlay.failover`; a file is never changed for another one. */
  async failover(index: number): Promise<void> {
    if (!this.#continuous)
      throw new StreampoolError('STREAM_NOT_PLAYING', 'what the viewer plays is no continuous stream');
    await this.#continuous.failover(index);
  }

  /** See `ContinuousPlay.break`; a file is never broken on purpose. */
  break(fault: ConnectionFault): boolean {
    return this.#continuous?.break(fault) ?? false;
  }

  mend(): void {
    this.#continuous?.mend();
  }

  /** What it gets, where it plays a continuous stream. */
  get gaps(): GapSink | undefined {
    return this.#gaps;
  }

  /** Ends viewer and provider connection. Idempotent. */
  close(reason: DetachReason): void {
    const headWritten = this.#socket !== undefined;
    this.#detach(reason);
    if (headWritten) this.#viewer.res.destroy();
  }

  #play(opened: OpenedStream): void {
    const { plan, response, body } = opened;
    const { res } = this.#viewer;
    const socket = openBareBody(res, plan.status, plan.headers);
    if (!socket) {
      this.#detach('left');
      return;
    }
    this.#socket = socket;
    if (plan.status === 416) {
      this.#detach('ended');
      socket.end();
      return;
    }
    // Node's socket timer counts a partly sent write as activity, so only a viewer that takes nothing runs into it.
    const { clientTimeoutMs, pausedFileMs = clientTimeoutMs } = this.#options;
    res.setTimeout(Number.isFinite(plan.length) ? pausedFileMs : clientTimeoutMs, this.#onIdle);
    if (plan.length === undefined && plan.skip === 0) {
      this.#playContinuous(opened, socket);
      return;
    }
    const pump = new SocketPump(socket, response, (error) => this.#bodyEnded(window.missing, error));
    const window = new BodyWindow(pump, plan.skip, plan.length, () => response.close());
    this.#pump = pump;
    body.attach(window);
  }

  #playContinuous(opened: OpenedStream, socket: Socket): void {
    const play = new ContinuousPlay(opened, {
      ...this.#options,
      target: this.#spec.target,
      sources: this.#sources,
      goOn: this.#options.goOn ?? DEFAULT_GO_ON_POLICY,
    });
    this.#continuous = play;
    this.#response = play;
    this.#pump = new SocketPump(socket, play, (error) => this.#bodyEnded(Number.POSITIVE_INFINITY, error));
    this.#gaps = new GapSink(this.#pump);
    play.start(this.#gaps);
  }

  /** `missing`: bytes that were promised and have not come; infinite where none were. */
  #bodyEnded(missing: number, error?: StreampoolError): void {
    if (this.#reason !== undefined) return;
    const short = Number.isFinite(missing) && missing > 0;
    if (error || short) {
      this.#error =
        error ?? new StreampoolError('UPSTREAM_CUT', `The provider sent ${missing} bytes too few`);
    }
    const socket = this.#socket;
    this.#detach(this.#error ? 'failed' : 'ended');
    // A body that falls short of its promised length must not look complete.
    if (!socket) return;
    if (short) resetSocket(socket);
    else socket.end();
  }

  readonly #onIdle = (): void => {
    const socket = this.#socket;
    if (!socket || (this.#reason === undefined && !this.#pump?.blocked)) return;
    // A plain close would leave megabytes in the kernel, waiting for a peer that does not read.
    this.#detach('stuck');
    resetSocket(socket);
  };

  readonly #onLeave = (): void => this.#detach('left');

  #detach(reason: DetachReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (this.#opening) this.#opening.abort(viewerGone());
    else this.#release(reason);
  }

  #release(reason: DetachReason): void {
    this.#response?.close();
    void (this.#response?.closed ?? Promise.resolve()).then(() => this.#settle(reason));
  }
}

function viewerGone(): StreampoolError {
  return new StreampoolError('STREAM_STOPPED', 'The viewer is gone');
}
