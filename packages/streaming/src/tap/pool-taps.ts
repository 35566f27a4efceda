import { isStreampoolError, StreampoolError } from '@streampool/errors';
import type { OutputMarks, ProgramMap } from '@streampool/mpegts';
import type { Ring } from '../ring.ts';
import type { Tap, TapEnd, TapRun, TapSink } from './tap.ts';

export interface PoolTapsOptions {
  readonly ring: Ring;
  readonly program: () => ProgramMap | undefined;
  /** One has left. */
  readonly onLeave: () => void;
}

interface Attached {
  readonly sink: TapSink;
  knowsProgram: boolean;
}

/** Who reads one pool within the process. Each begins with what the ring holds from its oldest access point on. */
export class PoolTaps {
  readonly #options: PoolTapsOptions;
  readonly #taps = new Set<Attached>();
  /** Where other sources go out, as far as the ring still holds that place. */
  #splices: number[] = [];

  constructor(options: PoolTapsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#taps.size;
  }

  add(sink: TapSink): Tap {
    const attached: Attached = { sink, knowsProgram: false };
    this.#taps.add(attached);
    this.#replay(attached);
    return {
      close: () => {
        if (this.#taps.delete(attached)) this.#options.onLeave();
      },
    };
  }

  /** What has just entered the ring. */
  note(packets: Buffer, marks: OutputMarks): void {
    const { offset, accessPoints, program, seam } = marks;
    const splice = seam?.reason === 'source';
    if (splice) {
      const { tail } = this.#options.ring;
      this.#splices = [...this.#splices.filter((known) => known >= tail), offset];
    }
    for (const attached of [...this.#taps])
      this.#tell(attached, { offset, packets, accessPoints, splice, ...(program && { program }) });
  }

  /** No more is to come. */
  end(end: TapEnd): void {
    const taps = [...this.#taps];
    this.#taps.clear();
    for (const { sink } of taps) sink.ended(end);
  }

  #replay(attached: Attached): void {
    const { ring } = this.#options;
    const points = ring.accessPoints();
    const [first] = points;
    if (!first) return;
    const { head } = ring;
    const cuts = this.#splices.filter((splice) => splice > first.offset);
    let offset = first.offset;
    while (offset < head && this.#taps.has(attached)) {
      const block = ring.blockAt(offset);
      if (!block) return;
      const to = Math.min(block.start + block.length, cuts.find((cut) => cut > offset) ?? head);
      this.#tell(attached, {
        offset,
        packets: block.buffer.subarray(offset - block.start, to - block.start),
        accessPoints: points.filter((point) => point.offset >= offset && point.offset < to),
        splice: cuts.includes(offset),
      });
      offset = to;
    }
  }

  /** A reader that fails must not take the pool and its viewers along. */
  #tell(attached: Attached, run: TapRun): void {
    if (!this.#taps.has(attached)) return;
    const program = run.program ?? (attached.knowsProgram ? undefined : this.#options.program());
    attached.knowsProgram ||= program !== undefined;
    try {
      attached.sink.run(program ? { ...run, program } : run);
    } catch (cause) {
      this.#taps.delete(attached);
      const error = isStreampoolError(cause)
        ? cause
        : new StreampoolError('INTERNAL', 'what reads the stream has failed', { cause });
      attached.sink.ended({ reason: 'failed', error });
      this.#options.onLeave();
    }
  }
}
