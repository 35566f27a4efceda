import { StreampoolError } from '@streampool/errors';
import { type OutputMarks, PacketAligner, PesGate, type ProgramMap, TsSplicer } from '@streampool/mpegts';
import { BitrateMeter } from './bitrate-meter.ts';
import type { ChainEvents, ChainOptions, LaneReports, Replacement } from './chain-options.ts';
import type { Clock } from './clock.ts';
import { LaneWatches, type MakeWatch } from './detection/lane-watches.ts';
import { type FoundMedia, MediaFinder } from './media-finder.ts';
import { Pacer } from './pacer.ts';
import { Ring, type RingOptions } from './ring.ts';
import { SlateFiller, type SlateFillerOptions } from './slate/index.ts';
import { SourceChain } from './source-chain.ts';
import type { Lane } from './source-run.ts';

/** Bytes without any packet sync after which a source is not MPEG-TS. */
const NOT_TS_AFTER_BYTES = 64 * 1024;

const PIECE_BYTES = 64 * 1024;

/** Sources that send in bursts are silent for less. */
const WELL_MS = 1_000;

/** How far a source may deliver ahead of its clock. */
const LEAD_MS = 4_000;

export interface IntakeEvents extends Pick<ChainEvents, 'progress' | 'noted' | 'lost' | 'ended' | 'failed'> {
  /** Another source goes out; `gapMs`: time in which nothing did. */
  recovered(info: { gapMs: number; index: number; reason: string }): void;
  /** What has just entered the ring: whole packets, valid until the call returns. */
  output?(packets: Buffer, marks: OutputMarks): void;
  /** The ring has an access point: viewers can start. Called for each new one. */
  joinable(): void;
}

export interface IntakeOptions
  extends Pick<ChainOptions, 'alternatives' | 'first' | 'choice' | 'open' | 'policy' | 'random'> {
  readonly ring: RingOptions;
  readonly clock: Clock;
  readonly events: IntakeEvents;
  /** Looks whether sources are worth watching. */
  readonly watch?: MakeWatch;
  /** False while somebody else holds the source to its pace. */
  readonly isPaced?: () => boolean;
  /** What is shown while nothing goes out. */
  readonly slate?: Pick<SlateFillerOptions, 'store' | 'afterMs' | 'mayShow'>;
}

/** Fills a ring from a chain of sources, spliced into one continuous stream. */
export class Intake {
  readonly ring: Ring;
  readonly #options: IntakeOptions;
  readonly #splicer: TsSplicer;
  readonly #chain: SourceChain;
  readonly #pacer: Pacer;
  readonly #bitrate: BitrateMeter;
  readonly #watches: LaneWatches;
  readonly #slate: SlateFiller | undefined;
  readonly #media: MediaFinder;
  #started = false;
  #lastEmitMs = 0;
  /** Before the current source's first packet nothing went out for this long. */
  #gapMs = 0;
  /** An access point has come that nobody was told of. */
  #hasNews = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { clock, events } = options;
    this.ring = new Ring(options.ring);
    this.#media = new MediaFinder(this.ring);
    this.#bitrate = new BitrateMeter(clock.now());
    this.#watches = new LaneWatches(options.watch);
    this.#chain = new SourceChain({
      ...options,
      events: {
        lane: (reports) => this.#lane(reports),
        progress: (progress) => events.progress(progress),
        noted: (note) => events.noted?.(note),
        lost: (error) => events.lost(error),
        recovered: ({ index, reason }) => events.recovered({ index, reason, gapMs: this.#gapMs }),
        ended: () => {
          this.#slate?.close();
          events.ended();
        },
        failed: (error) => {
          this.#slate?.close();
          events.failed(error);
        },
      },
    });
    this.#pacer = new Pacer({
      clock,
      leadMs: LEAD_MS,
      pause: () => {
        if (options.isPaced?.() === false) return;
        this.#watches.pause();
        this.#chain.pause();
      },
      resume: () => {
        this.#watches.resume();
        this.#chain.resume();
      },
    });
    this.#splicer = new TsSplicer({
      now: () => clock.now(),
      emit: (packets, marks) => this.#onPackets(packets, marks),
    });
    const { ring } = this;
    this.#slate =
      options.slate &&
      new SlateFiller(this.#slateOptions(options.slate), { splicer: this.#splicer, ring, clock });
  }

  /** Ms for which a slate was shown. */
  get slateMs(): number {
    return this.#slate?.shownMs ?? 0;
  }

  /** A source's media goes out now, as far as that can be seen. */
  get isWell(): boolean {
    const silentMs = this.#options.clock.now() - this.#lastEmitMs;
    return !this.isSwitching && !this.#slate?.isShown && silentMs < WELL_MS;
  }

  /** Treats the source that goes out as if its detectors had found this. */
  report(error: StreampoolError): void {
    this.#watches.report(error);
  }

  get program(): ProgramMap | undefined {
    return this.#splicer.program;
  }

  /** PAT and PMT packets whose counters go on in what comes next; those of an access point are as old as that. */
  get tables(): Buffer | undefined {
    return this.#splicer.tables;
  }

  get isJoinable(): boolean {
    return this.ring.newestAccessPoint() !== undefined;
  }

  get isSwitching(): boolean {
    return this.#chain.isSwitching;
  }

  get pid(): number | undefined {
    return this.#chain.pid;
  }

  get index(): number {
    return this.#chain.index;
  }

  get restarts(): number {
    return this.#chain.restarts;
  }

  get bytesIn(): number {
    return this.#chain.bytesIn;
  }

  get lastError(): StreampoolError | undefined {
    return this.#chain.lastError;
  }

  /** What is in it, soon after a source's first pictures; a slate is not told. */
  get media(): FoundMedia | undefined {
    return this.#media.found;
  }

  get bitrateKbps(): number {
    return this.#bitrate.kbps(this.#options.clock.now());
  }

  /** Idempotent. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#lastEmitMs = this.#options.clock.now();
    this.#chain.start();
  }

  /** See `SourceChain.replace`. */
  replace(replacement: Replacement): Promise<void> {
    return this.#chain.replace(replacement);
  }

  /** Idempotent. Resolves when the source is gone. */
  close(): Promise<void> {
    this.#pacer.close();
    this.#slate?.close();
    return this.#chain.close();
  }

  #slateOptions(slate: NonNullable<IntakeOptions['slate']>): SlateFillerOptions {
    const { noted } = this.#options.events;
    const reason = (): string => (this.isSwitching && this.lastError?.code) || 'the source is silent';
    return {
      ...slate,
      isLost: () => this.isSwitching,
      aheadMs: () => this.#pacer.aheadMs,
      onShown: () => noted?.({ type: 'slate_started', reason: reason() }),
      onEnded: (shownMs) => noted?.({ type: 'slate_ended', shownMs }),
    };
  }

  /** One source's way in: packets are found, units completed, then spliced. What is unfinished goes with the source. */
  #lane({ tookOver, ...reports }: LaneReports): Lane {
    const watch = this.#watches.open(reports);
    const aligner = new PacketAligner();
    const gate = new PesGate({ now: () => this.#options.clock.now() });
    let feed = this.#splicer.open();
    let isOut = false;
    const push = (packets: Buffer): void => {
      const lastEmitMs = this.#lastEmitMs;
      // The slate has cut in on a source that was silent: it comes back as another one would, at its next keyframe.
      if (feed.retired && this.#slate?.isShown) feed = this.#splicer.open();
      feed.push(packets);
      if (!isOut && feed.active) {
        isOut = true;
        this.#watches.isOut(watch);
        this.#gapMs = Math.round(this.#options.clock.now() - lastEmitMs);
        tookOver();
      }
      this.#announce();
    };
    return {
      data: (chunk) => {
        // In pieces, so that the clock references in between are seen: a fast source's chunk can hold many seconds.
        for (let from = 0; from < chunk.length; from += PIECE_BYTES)
          aligner.align(chunk.subarray(from, from + PIECE_BYTES), (run) => {
            watch.packets(run);
            push(gate.push(run));
          });
        watch.sync(aligner);
        if (aligner.bytesUnsynced > NOT_TS_AFTER_BYTES)
          reports.reject(
            new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sends no MPEG transport stream'),
          );
      },
      end: () => {
        push(gate.push(aligner.flush()));
        push(gate.flush());
        feed.end();
        this.#announce();
      },
      close: () => {
        feed.close();
        watch.close();
      },
    };
  }

  #onPackets(packets: Buffer, marks: OutputMarks): void {
    const now = this.#options.clock.now();
    if (marks.program) this.ring.clearAccessPoints();
    this.ring.append(packets, now);
    for (const point of marks.accessPoints) this.ring.addAccessPoint(point);
    this.#options.events.output?.(packets, marks);
    this.#bitrate.add(packets.length, now);
    if (marks.pcr !== undefined) {
      this.#pacer.note(marks.pcr);
      this.#watches.pace(marks.pcr);
    }
    this.#lastEmitMs = now;
    if (this.#slate?.isPushing) return;
    this.#slate?.noteOutput(marks);
    this.#media.note(marks, now);
    this.#hasNews ||= marks.accessPoints.length > 0;
  }

  /** Once it is settled whose access point it is. */
  #announce(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#chain.noteAccessPoint();
    this.#options.events.joinable();
  }
}
