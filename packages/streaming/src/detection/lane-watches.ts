import type { StreampoolError } from '@streampool/errors';
import type { PacketAligner } from '@streampool/mpegts';
import type { Source } from '../source.ts';
import type { SourceWatch } from './source-watch.ts';

export type Watch = Pick<SourceWatch, 'packets' | 'sync' | 'pace' | 'pause' | 'resume' | 'close'>;

/** Makes a watch for a source of that kind; undefined for one that is not to be watched. */
export type MakeWatch = (
  kind: Source['kind'],
  onFault: (error: StreampoolError) => void,
) => Watch | undefined;

/** What a watch needs to know of its source, and what it can say of it. */
export interface WatchedSource {
  kind(): Source['kind'];
  /** What it sends is useless. */
  reject(error: StreampoolError): void;
  /** It sends, but nothing worth watching. */
  fault(error: StreampoolError): void;
}

/** The watches of all sources that are open: one that plays, and perhaps one that is being made ready. */
export class LaneWatches {
  readonly #make: MakeWatch | undefined;
  readonly #lanes = new Set<LaneWatch>();
  #out: LaneWatch | undefined;

  constructor(make: MakeWatch | undefined) {
    this.#make = make;
  }

  open(source: WatchedSource): LaneWatch {
    const lane: LaneWatch = new LaneWatch(this.#make, source, () => {
      this.#lanes.delete(lane);
      if (this.#out === lane) this.#out = undefined;
    });
    this.#lanes.add(lane);
    return lane;
  }

  /** Says of what goes out what a watch would say that has found this fault. */
  report(error: StreampoolError): void {
    this.#out?.report(error);
  }

  /** From now on this one's bytes go out. */
  isOut(lane: LaneWatch): void {
    this.#out = lane;
  }

  /** The clock reference of what goes out, in ticks of 90 kHz. */
  pace(pcr: number): void {
    this.#out?.watch?.pace(pcr / 90);
  }

  /** Nothing is read for now. */
  pause(): void {
    for (const { watch } of this.#lanes) watch?.pause();
  }

  resume(): void {
    for (const { watch } of this.#lanes) watch?.resume();
  }
}

/** The watch of one source, from its first byte on: what it is may be known only then. */
export class LaneWatch {
  readonly #make: MakeWatch | undefined;
  readonly #source: WatchedSource;
  readonly #onClose: () => void;
  #hasBegun = false;
  #closed = false;
  watch: Watch | undefined;

  constructor(make: MakeWatch | undefined, source: WatchedSource, onClose: () => void) {
    this.#make = make;
    this.#source = source;
    this.#onClose = onClose;
  }

  /** Whole packets, before anything else is done with them. */
  packets(run: Buffer): void {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.watch = this.#make?.(this.#source.kind(), (error) => this.#onFault(error));
    }
    this.watch?.packets(run);
  }

  /** After a chunk. */
  sync(aligner: PacketAligner): void {
    this.watch?.sync(aligner);
  }

  report(error: StreampoolError): void {
    this.#onFault(error);
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.watch?.close();
    this.#onClose();
  }

  /** Afterwards: whoever finds a fault is in the middle of these very packets. */
  #onFault(error: StreampoolError): void {
    queueMicrotask(() => {
      if (this.#closed) return;
      if (error.code === 'SYNC_LOST') this.#source.reject(error);
      else this.#source.fault(error);
    });
  }
}
