import { PACKET_SIZE, SYNC_BYTE } from './packet.ts';

/** Packets on the wire: plain; with a 4-byte arrival time before each (M2TS); with 16 bytes of parity after each (DVB). */
const STRIDES = [188, 192, 204] as const;

/** Sync bytes that must stand one stride apart before a position is believed: chance in random bytes 2^-40. */
const CONFIRMATIONS = 5;

const LONGEST_STRIDE = 204;
const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Finds the packets in bytes of any cut and hands them out as runs of whole 188-byte packets.
 *
 * Which packets come out depends on the bytes alone, never on how they were cut into chunks. Memory is bounded by
 * a kilobyte and, for 192- and 204-byte packets, one chunk. While in sync only the first byte of each packet is looked at.
 *
 * A packet that was cut short (a provider that reconnects in mid-packet) comes out filled up with the beginning of what
 * follows; holding each packet back until its successor's sync byte is seen would prevent this at the price of a
 * packet's delay on every chunk.
 */
export class PacketAligner {
  /** Bytes given to `push` or `align`. */
  bytesSeen = 0;
  /** Bytes that were in no packet (garbage, and what was skipped while looking for sync). */
  bytesDropped = 0;
  /** Times that a packet did not stand where it should. */
  syncLosses = 0;
  /**
   * Bytes seen since the last whole packet while out of sync; 0 in sync. A source whose figure exceeds some 64 KB
   * at its start is not MPEG-TS.
   */
  bytesUnsynced = 0;
  /** Whether the next packet's place is known. */
  synced = false;
  /** Bytes from one packet to the next on the wire: 188, 192 or 204. */
  stride: number = PACKET_SIZE;

  /** The beginning of a packet (in sync) or of a candidate (out of sync) that the last chunk did not finish. */
  #carry = Buffer.allocUnsafeSlow(CONFIRMATIONS * LONGEST_STRIDE);
  #carried = 0;
  /** Bytes after a packet that belong to no packet (arrival time, parity) and are still to come. */
  #toSkip = 0;
  #joined = EMPTY;
  #joinedLength = 0;

  /**
   * All packets completed by this chunk as one buffer, possibly empty: a view of `chunk` if it is aligned,
   * else a copy in memory that the next call overwrites.
   */
  push(chunk: Buffer): Buffer {
    let first = EMPTY;
    let runs = 0;
    this.#joinedLength = 0;
    this.align(chunk, (run) => {
      runs++;
      if (runs === 1) first = run;
      // The stitched packet lives in #carry, which the rest of the chunk may overwrite.
      if (runs === 1 && run.buffer !== this.#carry.buffer) return;
      if (runs === 2 && this.#joinedLength === 0) this.#join(first, chunk.length);
      this.#join(run, chunk.length);
    });
    return this.#joinedLength > 0 ? this.#joined.subarray(0, this.#joinedLength) : first;
  }

  /**
   * As `push`, without any copy of whole runs: calls `each` for every run in order. A run is valid until `each` returns.
   * An unaligned chunk makes two: the packet that began in the last chunk, then a view of this one.
   */
  align(chunk: Buffer, each: (run: Buffer) => void): void {
    this.bytesSeen += chunk.length;
    let at = 0;
    if (this.synced && (this.#carried > 0 || this.#toSkip > 0)) at = this.#finishCarried(chunk, each);
    if (at < 0) return;
    if (this.synced) this.#follow(chunk, at, each);
    else this.#search(chunk, at, each);
  }

  /**
   * The end of the input: hands out packets that too few successors could confirm (an input of fewer than five
   * packets). An incomplete last packet is dropped.
   */
  flush(): Buffer {
    const rest = this.#carry.subarray(0, this.#carried);
    this.#carried = 0;
    if (this.synced) {
      this.bytesDropped += rest.length;
      return EMPTY;
    }
    for (let at = 0; at + PACKET_SIZE <= rest.length; at++) {
      const stride = STRIDES.find((s) => matches(rest, at, s) !== 'no');
      if (stride === undefined) continue;
      const packets: Buffer[] = [];
      for (let p = at; p + PACKET_SIZE <= rest.length; p += stride)
        packets.push(rest.subarray(p, p + PACKET_SIZE));
      this.bytesDropped += at;
      return Buffer.concat(packets);
    }
    this.bytesDropped += rest.length;
    return EMPTY;
  }

  /** Completes the packet begun by earlier chunks. Returns where to go on in `chunk`, or -1 if it was used up. */
  #finishCarried(chunk: Buffer, each: (run: Buffer) => void): number {
    let at = Math.min(this.#toSkip, chunk.length);
    this.#toSkip -= at;
    if (at === chunk.length) return -1;
    if (this.#carried === 0) return at;
    const take = Math.min(PACKET_SIZE - this.#carried, chunk.length - at);
    chunk.copy(this.#carry, this.#carried, at, at + take);
    this.#carried += take;
    at += take;
    if (this.#carried < PACKET_SIZE) return -1;
    this.#carried = 0;
    each(this.#carry.subarray(0, PACKET_SIZE));
    const skip = Math.min(this.stride - PACKET_SIZE, chunk.length - at);
    this.#toSkip = this.stride - PACKET_SIZE - skip;
    return at + skip;
  }

  /** In sync from `start` on: the hot path. */
  #follow(chunk: Buffer, start: number, each: (run: Buffer) => void): void {
    const stride = this.stride;
    const lastStart = chunk.length - PACKET_SIZE;
    let at = start;
    while (at <= lastStart && chunk[at] === SYNC_BYTE) at += stride;
    if (at > start) this.#hand(chunk, start, at, each);
    if (at >= chunk.length) {
      this.#toSkip = at - chunk.length;
    } else if (chunk[at] === SYNC_BYTE) {
      this.#carried = chunk.copy(this.#carry, 0, at);
    } else {
      this.synced = false;
      this.syncLosses++;
      this.#search(chunk, at, each);
    }
  }

  /** Hands out the packets of `chunk` from `start` to `end`, both places of packets. */
  #hand(chunk: Buffer, start: number, end: number, each: (run: Buffer) => void): void {
    if (this.stride === PACKET_SIZE) {
      each(chunk.subarray(start, end));
      return;
    }
    const count = (end - start) / this.stride;
    const packed = Buffer.allocUnsafe(count * PACKET_SIZE);
    for (let i = 0; i < count; i++) {
      const from = start + i * this.stride;
      chunk.copy(packed, i * PACKET_SIZE, from, from + PACKET_SIZE);
    }
    each(packed);
  }

  /** Out of sync: looks for the first place with enough sync bytes behind it, in what was carried and `chunk` from `start`. */
  #search(chunk: Buffer, start: number, each: (run: Buffer) => void): void {
    const rest = chunk.subarray(start);
    const data = this.#carried > 0 ? Buffer.concat([this.#carry.subarray(0, this.#carried), rest]) : rest;
    this.bytesUnsynced += rest.length;
    this.#carried = 0;
    let at = data.indexOf(SYNC_BYTE);
    for (; at >= 0; at = data.indexOf(SYNC_BYTE, at + 1)) {
      let undecided = false;
      for (const stride of STRIDES) {
        const match = matches(data, at, stride);
        if (match === 'yes' && !undecided) {
          this.bytesDropped += at;
          this.bytesUnsynced = 0;
          this.synced = true;
          this.stride = stride;
          this.#follow(data, at, each);
          return;
        }
        undecided ||= match !== 'no';
      }
      if (undecided) {
        // The first candidate is waited for, so that the answer does not depend on where the chunk ends.
        this.bytesDropped += at;
        this.#carried = data.copy(this.#carry, 0, at);
        return;
      }
    }
    this.bytesDropped += data.length;
  }

  #join(run: Buffer, chunkLength: number): void {
    const needed = this.#joinedLength + run.length;
    if (this.#joined.length < needed) {
      const grown = Buffer.allocUnsafe(Math.max(needed, chunkLength + CONFIRMATIONS * LONGEST_STRIDE));
      this.#joined.copy(grown, 0, 0, this.#joinedLength);
      this.#joined = grown;
    }
    run.copy(this.#joined, this.#joinedLength);
    this.#joinedLength = needed;
  }
}

/** Whether sync bytes stand `stride` apart from `at` on: 'maybe' if `data` ends before enough of them could be seen. */
function matches(data: Uint8Array, at: number, stride: number): 'yes' | 'no' | 'maybe' {
  for (let i = 0; i < CONFIRMATIONS; i++) {
    const place = at + i * stride;
    if (place >= data.length) return 'maybe';
    if (data[place] !== SYNC_BYTE) return 'no';
  }
  return 'yes';
}
