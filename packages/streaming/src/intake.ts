import { StreampoolError } from '@streampool/errors';
import {
  type OutputMarks,
  PacketAligner,
  PesGate,
  type ProgramMap,
  type SplicerFeed,
  TsSplicer,
} from '@streampool/mpegts';
import { BitrateMeter } from './bitrate-meter.ts';
import type { Clock } from './clock.ts';
import { Pacer } from './pacer.ts';
import { Ring, type RingOptions } from './ring.ts';
import type { SourceProgress } from './source.ts';
import { type ChainEvents, type ChainOptions, SourceChain } from './source-chain.ts';

/** Bytes without any packet sync after which a source is not MPEG-TS. */
const NOT_TS_AFTER_BYTES = 64 * 1024;

const PIECE_BYTES = 64 * 1024;

/** How far a source may deliver ahead of its clock. */
const LEAD_MS = 4_000;

export interface IntakeEvents
  extends Pick<ChainEvents, 'progress' | 'lost' | 'recovered' | 'ended' | 'failed'> {
  /** The ring has an access point: viewers can start. Called for each new one. */
  joinable(): void;
}

export interface IntakeOptions extends Pick<ChainOptions, 'alternatives' | 'open' | 'policy' | 'random'> {
  readonly ring: RingOptions;
  readonly clock: Clock;
  readonly events: IntakeEvents;
}

/** One source's way in: packets are found, units completed, then spliced. Gone with the source, and what is unfinished with it. */
interface Entrance {
  readonly aligner: PacketAligner;
  readonly gate: PesGate;
  readonly feed: SplicerFeed;
}

/** Fills a ring from a chain of sources, spliced into one continuous stream. */
export class Intake {
  readonly ring: Ring;
  readonly #options: IntakeOptions;
  readonly #splicer: TsSplicer;
  readonly #chain: SourceChain;
  readonly #pacer: Pacer;
  readonly #bitrate: BitrateMeter;
  #entrance: Entrance | undefined;
  #started = false;
  #lastEmitMs = 0;
  /** The chain has a new source, but nothing of it has gone out yet. */
  #recovery: { index: number; reason: string } | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { clock, events } = options;
    this.ring = new Ring(options.ring);
    this.#bitrate = new BitrateMeter(clock.now());
    this.#chain = new SourceChain({
      ...options,
      events: {
        data: (chunk) => this.#onData(chunk),
        nextSource: () => this.#openFeed(),
        progress: (progress: SourceProgress) => events.progress(progress),
        lost: (error) => events.lost(error),
        recovered: (info) => {
          this.#recovery = info;
        },
        ended: () => {
          this.#endFeed();
          events.ended();
        },
        failed: (error) => events.failed(error),
      },
    });
    this.#pacer = new Pacer({
      clock,
      leadMs: LEAD_MS,
      pause: () => this.#chain.pause(),
      resume: () => this.#chain.resume(),
    });
    this.#splicer = new TsSplicer({
      now: () => clock.now(),
      emit: (packets, marks) => this.#onPackets(packets, marks),
    });
  }

  get program(): ProgramMap | undefined {
    return this.#splicer.program;
  }

  get isJoinable(): boolean {
    return this.ring.newestAccessPoint() !== undefined;
  }

  get isSwitching(): boolean {
    return this.#chain.isSwitching || this.#recovery !== undefined;
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

  get bitrateKbps(): number {
    return this.#bitrate.kbps(this.#options.clock.now());
  }

  /** Idempotent. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#lastEmitMs = this.#options.clock.now();
    this.#openFeed();
    this.#chain.start();
  }

  /** Idempotent. Resolves when the source is gone. */
  close(): Promise<void> {
    this.#pacer.close();
    return this.#chain.close();
  }

  #openFeed(): void {
    this.#entrance = {
      aligner: new PacketAligner(),
      gate: new PesGate({ now: () => this.#options.clock.now() }),
      feed: this.#splicer.open(),
    };
  }

  #onData(chunk: Buffer): void {
    if (!this.#entrance) return;
    const { aligner, gate, feed } = this.#entrance;
    // In pieces, so that the clock references in between are seen: a fast source's chunk can hold many seconds.
    for (let from = 0; from < chunk.length; from += PIECE_BYTES)
      aligner.align(chunk.subarray(from, from + PIECE_BYTES), (run) => feed.push(gate.push(run)));
    if (aligner.bytesUnsynced > NOT_TS_AFTER_BYTES)
      this.#chain.reject(
        new StreampoolError('UPSTREAM_NOT_MEDIA', 'The provider sends no MPEG transport stream'),
      );
  }

  #endFeed(): void {
    if (!this.#entrance) return;
    const { aligner, gate, feed } = this.#entrance;
    feed.push(gate.push(aligner.flush()));
    feed.push(gate.flush());
    feed.end();
  }

  #onPackets(packets: Buffer, marks: OutputMarks): void {
    const { clock, events } = this.#options;
    const now = clock.now();
    if (marks.program) this.ring.clearAccessPoints();
    this.ring.append(packets, now);
    for (const point of marks.accessPoints) this.ring.addAccessPoint(point);
    this.#bitrate.add(packets.length, now);
    if (marks.pcr !== undefined) this.#pacer.note(marks.pcr);
    // Without a seam where nobody can have joined before: there the stream just began anew.
    if (this.#recovery && (marks.seam?.reason === 'source' || marks.accessPoints.length > 0)) {
      const gapMs = Math.round(now - this.#lastEmitMs);
      const recovery = this.#recovery;
      this.#recovery = undefined;
      events.recovered({ ...recovery, gapMs });
    }
    this.#lastEmitMs = now;
    if (marks.accessPoints.length === 0) return;
    this.#chain.noteAccessPoint();
    events.joinable();
  }
}
