import { PACKET_SIZE, PacketAligner, PesGate, TsSplicer, tickDifference } from '@streampool/mpegts';
import { type BodySink, BufferPool, ownChunk, PooledChunk, type RetainedChunk } from '@streampool/upstream';

const FASTEST_LIVE = 1.5;
/** What a live source may send at once when it begins. */
const BURST_MS = 20_000;
/** A longer step is a jump of the clock. */
const LONGEST_STEP_MS = 10_000;

/** For what is joined to be written; most of it is written at once. */
const POOL = new BufferPool(64 * 1024, 64);

const EMPTY: Buffer = Buffer.alloc(0);

/** A later source's way to the viewer. */
export interface NextFeed {
  /** Bytes without any packet sync: more than some 64 KB are no MPEG-TS. */
  readonly bytesUnsynced: number;
  /** Takes bytes; they may be reused when the call returns. True once its pictures go out. */
  push(chunk: Buffer): boolean;
  /** Idempotent. */
  close(): void;
}

/**
 * The bytes of one viewer of a continuous stream, over several sources. The first one's are passed on untouched, whatever
 * they are; a splicer reads along, so that another source can go on where they stop: at a keyframe, behind its tables, on
 * the same timeline. From then on the splicer's output is what the viewer gets.
 *
 * Of the first source the beginning of a packet is held back until the rest has come, or a viewer could be left with a part of one.
 */
export class TransportRelay {
  readonly #sink: BodySink;
  readonly #now: () => number;
  readonly #splicer: TsSplicer;
  readonly #first: ReturnType<TsSplicer['open']>;
  /** The beginning of the first source's newest packet. */
  #tail = EMPTY;
  #isFirst = true;
  /** What the splicer put out in this call. */
  #pieces: Buffer[] = [];
  #lastPcr: number | undefined;
  #mediaMs = 0;
  readonly #beganMs: number;
  /** It comes much faster than it plays: it has an end, and would begin again. */
  #isFile = false;

  constructor(sink: BodySink, now: () => number) {
    this.#sink = sink;
    this.#now = now;
    this.#beganMs = now();
    this.#splicer = new TsSplicer({
      now,
      // The first source's clock goes to the viewer as it is, jumps and all: the splicer must know it so.
      smoothJumps: false,
      emit: (packets, { pcr }) => {
        if (pcr !== undefined) this.#notePcr(pcr);
        if (!this.#isFirst) this.#pieces.push(Buffer.from(packets));
      },
    });
    this.#first = this.#splicer.open();
  }

  /** Whether another source could go on: the first one is a live transport stream of plain packets with a program. */
  get canGoOn(): boolean {
    return (
      !this.#isFile && this.#splicer.program !== undefined && this.#first.alignment.stride === PACKET_SIZE
    );
  }

  /** Takes bytes of the first source, on the terms of `BodySink.data`. */
  untouched(chunk: Buffer, retain: () => RetainedChunk): void {
    if (this.#isFile) {
      this.#sink.data(chunk, retain);
      return;
    }
    this.#first.push(chunk);
    const tail = this.#tail;
    const length = tail.length + chunk.length;
    // Nobody needs to go on with a file, nor to read along any further.
    const keep = this.#isFile ? 0 : Math.min(this.#begun(), length);
    if (keep > chunk.length) {
      const joined = Buffer.concat([tail, chunk], length);
      this.#tail = joined.subarray(length - keep);
      if (keep < length) this.#write(joined.subarray(0, length - keep));
      return;
    }
    if (tail.length > 0 && length <= POOL.size) {
      this.#writeJoined(tail, chunk, length - keep);
      this.#tail = keep > 0 ? Buffer.from(chunk.subarray(chunk.length - keep)) : EMPTY;
      return;
    }
    // Of a large chunk a second write costs less than a copy.
    this.#tail = keep > 0 ? Buffer.from(chunk.subarray(chunk.length - keep)) : EMPTY;
    if (tail.length > 0) this.#write(tail);
    const whole = chunk.subarray(0, chunk.length - keep);
    if (keep === 0) this.#sink.data(chunk, retain);
    else if (whole.length > 0) {
      this.#sink.data(whole, () => {
        const held = retain();
        return { bytes: held.bytes.subarray(0, whole.length), release: () => held.release() };
      });
    }
  }

  /** The way for one more source: it takes over with its first keyframe, whether the one before has stopped or not. */
  next(): NextFeed {
    const aligner = new PacketAligner();
    // Nobody is promised these bytes as they are, so the next break need not leave half a picture.
    const gate = new PesGate({ now: this.#now });
    const feed = this.#splicer.open();
    return {
      get bytesUnsynced() {
        return aligner.bytesUnsynced;
      },
      push: (chunk) => {
        const wasFirst = this.#isFirst;
        // What the splicer puts out in this call is this source's.
        this.#isFirst = false;
        aligner.align(chunk, (run) => feed.push(gate.push(run)));
        if (feed.active) this.#tail = EMPTY;
        else this.#isFirst = wasFirst;
        this.#flush();
        return feed.active;
      },
      close: () => feed.close(),
    };
  }

  /** No source goes on: what was held back of the first one is the viewer's. */
  end(): void {
    const tail = this.#tail;
    this.#tail = EMPTY;
    if (tail.length > 0) this.#write(tail);
  }

  #notePcr(pcr: number): void {
    const stepMs = tickDifference(pcr, this.#lastPcr ?? pcr) / 90;
    this.#lastPcr = pcr;
    if (stepMs <= 0 || stepMs > LONGEST_STEP_MS) return;
    this.#mediaMs += stepMs;
    this.#isFile ||= this.#isFirst && this.#mediaMs > (this.#now() - this.#beganMs) * FASTEST_LIVE + BURST_MS;
  }

  /** Bytes of a packet that is not complete, at the end of what has come. */
  #begun(): number {
    const { stride, bytesSeen, bytesDropped } = this.#first.alignment;
    return this.#first.synced && stride === PACKET_SIZE ? (bytesSeen - bytesDropped) % PACKET_SIZE : 0;
  }

  /** One write for all that one chunk brought. */
  #flush(): void {
    if (this.#pieces.length === 0) return;
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#write(bytes);
  }

  /** One copy, as of any chunk that is kept until it is written. */
  #writeJoined(tail: Buffer, chunk: Buffer, length: number): void {
    const slab = POOL.take();
    tail.copy(slab);
    chunk.copy(slab, tail.length, 0, length - tail.length);
    const bytes = slab.subarray(0, length);
    const held = new PooledChunk(bytes, slab, POOL);
    let isKept = false;
    this.#sink.data(bytes, () => {
      isKept = true;
      return held;
    });
    if (!isKept) held.release();
  }

  /** Writes bytes that are nobody else's. */
  #write(bytes: Buffer): void {
    this.#sink.data(bytes, () => ownChunk(bytes));
  }
}
