import { NULL_PID, PACKET_SIZE } from '@streampool/mpegts';

/** The continuity counters of PAT and PMT over all segments: each begins with its own tables, so those of the source do not fit. */
export class TableCounters {
  readonly #counters = new Map<number, number>();

  /** PIDs whose packets are counted anew. */
  follow(pids: Iterable<number>): void {
    const known = new Map(this.#counters);
    this.#counters.clear();
    for (const pid of pids) this.#counters.set(pid, known.get(pid) ?? 0x0f);
  }

  has(pid: number): boolean {
    return this.#counters.has(pid);
  }

  /** Gives the packet at `at` its counter (ISO/IEC 13818-1 §2.4.3.3). */
  stamp(packets: Buffer, at: number, pid: number): void {
    const hasPayload = (packets[at + 3]! & 0x10) !== 0;
    const counter = (this.#counters.get(pid)! + (hasPayload ? 1 : 0)) & 0x0f;
    this.#counters.set(pid, counter);
    packets[at + 3] = (packets[at + 3]! & 0xf0) | counter;
  }
}

/**
 * The bytes of one segment while it grows: the only copy that is made of what passes through the ring. Null packets are left
 * out, since nothing in a segment keeps a rate. Views of what is there stay valid and unchanged.
 */
export class SegmentBytes {
  readonly #counters: TableCounters;
  #buffer: Buffer;
  #length = 0;

  /** `expected`: how many bytes it may become, so that it need not grow. */
  constructor(counters: TableCounters, expected: number) {
    this.#counters = counters;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(64 * PACKET_SIZE, expected));
  }

  get length(): number {
    return this.#length;
  }

  /** Copies whole packets, from `from` to `to`. */
  append(packets: Buffer, from = 0, to = packets.length): void {
    this.#reserve(to - from);
    let since = from;
    for (let at = from; at < to; at += PACKET_SIZE) {
      const pid = ((packets[at + 1]! & 0x1f) << 8) | packets[at + 2]!;
      if (pid === NULL_PID) {
        this.#copy(packets, since, at);
        since = at + PACKET_SIZE;
      } else if (this.#counters.has(pid)) {
        this.#copy(packets, since, at + PACKET_SIZE);
        since = at + PACKET_SIZE;
        this.#counters.stamp(this.#buffer, this.#length - PACKET_SIZE, pid);
      }
    }
    this.#copy(packets, since, to);
  }

  view(from: number, to: number): Buffer {
    return this.#buffer.subarray(from, to);
  }

  /** Takes away everything from `at` on. */
  split(at: number): Buffer {
    const tail = this.#buffer.subarray(at, this.#length);
    this.#length = at;
    return tail;
  }

  /** All of it, in memory that is hardly larger. */
  finish(): Buffer {
    const { length } = this.#buffer;
    if (length - this.#length <= length / 8) return this.#buffer.subarray(0, this.#length);
    const exact = Buffer.allocUnsafeSlow(this.#length);
    this.#buffer.copy(exact, 0, 0, this.#length);
    return exact;
  }

  #copy(packets: Buffer, from: number, to: number): void {
    if (to <= from) return;
    packets.copy(this.#buffer, this.#length, from, to);
    this.#length += to - from;
  }

  /** Views of the former memory stay as they are. */
  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + bytes, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
