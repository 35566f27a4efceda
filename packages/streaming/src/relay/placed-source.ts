import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { Tracer } from '@streampool/tracing';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Source, SourceSink } from '../source.ts';
import type { ClusterOptions, Deposed, Placement, RemotePlacement } from './ownership.ts';
import { type RelayEnd, RelayReader } from './relay-reader.ts';

/** Pauses between questions that were answered with nothing to play, ms: doubling. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** What one pool's sources tell their successors. */
export interface PlacedMemory {
  deposes?: Deposed;
}

export interface PlacedSourceOptions {
  readonly streamId: string;
  readonly cluster: ClusterOptions;
  readonly memory: PlacedMemory;
  /** Where to play it, instead of asking. What fails there is a failure. */
  readonly place?: RemotePlacement;
  /** What plays is played here already: only another node's would be news. */
  readonly awayOnly: boolean;
  /** With `awayOnly`: there is nothing better than what plays here, under this epoch. */
  readonly onStays: (epoch: number) => void;
  /** The source itself, for the node that owns the stream. */
  readonly open: () => Source;
  /** Whether something plays until then: see `RelayReaderOptions`. Asked when a relay is opened. */
  readonly joinNext: () => boolean;
  /** The node that plays it under this epoch says that another one owns it now. */
  readonly onMoved: (epoch: number) => void;
  readonly connectMs: number;
  readonly answerMs: number;
  readonly stallMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tracer?: Tracer;
}

/**
 * A source wherever it is: asks who owns the stream, and is the source itself or a relay from the owner. What has played
 * and is lost ends it, so that the chain opens the next one and splices; that one asks again. So taking over from an owner
 * that died is nothing but the chain's next attempt. As long as nothing has played it asks again by itself: which node
 * plays is no failure of the stream.
 */
export class PlacedSource implements Source {
  readonly #options: PlacedSourceOptions;
  #sink: SourceSink | undefined;
  #own: Source | undefined;
  #reader: RelayReader | undefined;
  #place: Placement | undefined;
  /** Of what plays now: what an earlier one still says is ignored. */
  #generation = 0;
  #played = false;
  #paused = false;
  #closed = false;
  #pauseMs = FIRST_PAUSE_MS;
  #cancelPause: () => void = () => {};
  #closing: Promise<void> = Promise.resolve();

  constructor(options: PlacedSourceOptions) {
    this.#options = options;
  }

  get kind(): Source['kind'] {
    return this.#own?.kind ?? 'relay';
  }

  get pid(): number | undefined {
    return this.#own?.pid;
  }

  /** A relay has deadlines of its own: its owner speaks even while its source is silent. */
  get starved(): boolean {
    return this.#own ? (this.#own.starved ?? false) : this.#reader !== undefined;
  }

  /** Something of it has come. */
  get hasPlayed(): boolean {
    return this.#played;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Where it plays; undefined until that is known. */
  get place(): Placement | undefined {
    return this.#place;
  }

  /** It is played here under that epoch from now on. Nothing else about it changes. */
  own(epoch: number): void {
    if (this.#place?.here) this.#place = { here: true, epoch };
  }

  start(sink: SourceSink): void {
    this.#sink = sink;
    const { place } = this.#options;
    if (place) {
      this.#place = place;
      this.#playRelay(place);
    } else void this.#ask();
  }

  pause(): void {
    this.#paused = true;
    this.#own?.pause();
    this.#reader?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#own?.resume();
    this.#reader?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPause();
    this.#leave();
    await this.#closing;
  }

  async #ask(): Promise<void> {
    const generation = ++this.#generation;
    const { cluster, streamId, memory, log } = this.#options;
    const { deposes } = memory;
    try {
      const place = await cluster.ownership.acquire(streamId, deposes ? { deposes } : {});
      if (this.#closed || generation !== this.#generation) return;
      if (memory.deposes === deposes) delete memory.deposes;
      if (place.here && this.#options.awayOnly) {
        this.#stay(place.epoch);
        return;
      }
      this.#place = place;
      if (place.here) this.#playOwn();
      else this.#playRelay(place);
    } catch (error) {
      if (this.#closed || generation !== this.#generation) return;
      if (isStreampoolError(error, 'STREAM_NOT_FOUND')) {
        this.#finish(error);
        return;
      }
      log.warn({ streamId, reason: (error as Error).message }, 'the owner of the stream cannot be found out');
      this.#askAgain();
    }
  }

  #playOwn(): void {
    const own = this.#options.open();
    const generation = this.#generation;
    const isCurrent = (): boolean => generation === this.#generation && !this.#closed;
    this.#own = own;
    own.start({
      data: (chunk) => {
        if (!isCurrent()) return;
        this.#played = true;
        this.#sink?.data(chunk);
      },
      progress: (progress) => {
        if (isCurrent()) this.#sink?.progress(progress);
      },
      end: (error) => {
        if (isCurrent()) this.#sink?.end(error);
      },
    });
    if (this.#paused) own.pause();
  }

  #playRelay(place: RemotePlacement): void {
    const { cluster, streamId, connectMs, answerMs, stallMs, clock, tracer } = this.#options;
    const { url, deposes, owner } = place;
    const attributes = { 'stream.id': streamId, owner };
    const reader = new RelayReader({
      ...{
        url,
        streamId,
        joinNext: this.#options.joinNext(),
        connectMs,
        answerMs,
        stallMs,
        clock,
        node: cluster.node,
        token: cluster.token,
      },
      ...(deposes !== undefined && { deposes }),
      ...(tracer && { openSpan: () => tracer.open('relay request', { kind: 'client', attributes }) }),
      onData: (packets) => {
        this.#played = true;
        this.#sink?.data(packets);
      },
      // Whoever was asked to depose an owner plays under an epoch of its own.
      onOpen: (epoch) => {
        if (this.#reader === reader) this.#place = { ...place, epoch };
      },
      onMoved: () => {
        if (this.#reader === reader && this.#place) this.#options.onMoved(this.#place.epoch);
      },
      onEnd: (end) => {
        if (this.#reader === reader) this.#onRelayEnd(place, end);
      },
    });
    this.#reader = reader;
    if (this.#paused) reader.pause();
    reader.start();
  }

  #onRelayEnd(place: RemotePlacement, end: RelayEnd): void {
    const { memory, streamId, log } = this.#options;
    const { owner } = place;
    this.#reader = undefined;
    if (end.kind === 'complete') this.#finish();
    else if (end.kind === 'refused') this.#finish(end.error);
    else if (end.kind === 'elsewhere') this.#miss('it is not the owner');
    else {
      const { died, reason } = end;
      log.warn({ streamId, owner, died, reason }, 'the relay from the owner was lost');
      if (died) memory.deposes = { owner, epoch: end.epoch ?? place.deposes ?? place.epoch };
      if (this.#played)
        this.#finish(new StreampoolError('RELAY_LOST', `lost the relay from ${owner}: ${reason}`));
      else this.#miss(reason);
    }
  }

  #miss(reason: string): void {
    const { place } = this.#options;
    if (place) this.#finish(new StreampoolError('RELAY_LOST', `no relay from ${place.owner}: ${reason}`));
    else this.#askAgain();
  }

  #askAgain(): void {
    this.#leave();
    this.#place = undefined;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs);
    this.#cancelPause = this.#options.clock.after(pauseMs, () => void this.#ask());
  }

  #stay(epoch: number): void {
    this.#options.onStays(epoch);
    this.#finish(
      new StreampoolError('RELAY_LOST', 'the owner cannot be reached; the stream goes on from this node'),
    );
  }

  #finish(error?: StreampoolError): void {
    this.#leave();
    this.#sink?.end(error);
  }

  #leave(): void {
    this.#generation += 1;
    this.#reader?.close();
    this.#reader = undefined;
    const own = this.#own;
    if (!own) return;
    this.#own = undefined;
    const former = this.#closing;
    this.#closing = own.close().then(() => former);
  }
}
