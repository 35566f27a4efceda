import { PacketAligner } from '../packet-aligner.ts';
import { TsScanner } from '../ts-scanner.ts';
import type { AccessPoint } from '../types.ts';
import type { NewSource } from './active-path.ts';
import { HeldBytes } from './held-bytes.ts';

/** How a feed reaches its splicer. */
export interface FeedPorts {
  /** Whether the feed may go out from its first packet on, because nobody can be watching yet. */
  mayStart(): boolean;
  /** Makes this feed the active one, with what it holds (nothing: from its first packet on). */
  take(source: NewSource | undefined): void;
  /** Takes packets of the active feed. */
  pass(run: Buffer): void;
}

export interface FeedOptions {
  /** `auto` (default): take over as soon as there is an access point. `manual`: wait for `take()`. */
  readonly takeOver?: 'auto' | 'manual';
  /** Called once, when the feed could take over. */
  readonly onReady?: () => void;
}

type FeedState = 'waiting' | 'active' | 'retired';

/** One source's way into a splicer. */
export class SplicerFeed {
  readonly #aligner = new PacketAligner();
  readonly #ports: FeedPorts;
  readonly #options: FeedOptions;
  readonly #holdBytes: number;
  #state: FeedState = 'waiting';
  #scanner: TsScanner | undefined;
  readonly #held = new HeldBytes();
  #scanned = 0;
  #point: AccessPoint | undefined;
  #wasReady = false;

  constructor(ports: FeedPorts, options: FeedOptions, holdBytes: number) {
    this.#ports = ports;
    this.#options = options;
    this.#holdBytes = holdBytes;
  }

  /** Whether packets have been found in the bytes so far and follow on each other. */
  get synced(): boolean {
    return this.#aligner.synced;
  }

  /** Bytes since packets were last found: more than some 64 KB at the start is no MPEG-TS. */
  get bytesUnsynced(): number {
    return this.#aligner.bytesUnsynced;
  }

  /** What the aligner counted, and how far apart packets are. */
  get alignment(): Pick<PacketAligner, 'bytesSeen' | 'bytesDropped' | 'syncLosses' | 'stride'> {
    return this.#aligner;
  }

  /** Whether this feed is the one that goes out. */
  get active(): boolean {
    return this.#state === 'active';
  }

  /** Whether another feed has taken over from this one, or it was closed: what is pushed is ignored. */
  get retired(): boolean {
    return this.#state === 'retired';
  }

  /** Whether `take` would succeed. */
  get ready(): boolean {
    return (
      this.#state === 'waiting' && (this.#point !== undefined || (this.#ports.mayStart() && this.synced))
    );
  }

  /** Takes bytes of the source, in any cut. They may be reused when the call returns. Ignored once retired. */
  push(chunk: Buffer): void {
    if (this.#state === 'retired') return;
    this.#aligner.align(chunk, (run) => {
      if (this.#state === 'waiting') this.#wait(run);
      else if (this.#state === 'active') this.#ports.pass(run);
    });
  }

  /** The source has ended: lets the last packets of a very short one out. */
  end(): void {
    const rest = this.#aligner.flush();
    if (rest.length === 0) return;
    if (this.#state === 'waiting') this.#wait(rest);
    else if (this.#state === 'active') this.#ports.pass(rest);
  }

  /** Takes over from the active feed, whose later bytes are ignored. False if there is no access point yet. */
  take(): boolean {
    if (this.#state !== 'waiting') return this.#state === 'active';
    if (this.#ports.mayStart()) {
      this.#state = 'active';
      this.#ports.take(undefined);
      const held = this.#held.release();
      if (held.length > 0) this.#ports.pass(held);
      this.#scanner = undefined;
      return true;
    }
    const program = this.#scanner?.program;
    if (!this.#point || !program) return false;
    this.#state = 'active';
    this.#scanner = undefined;
    this.#ports.take({ program, tables: this.#point.tables, packets: this.#held.release() });
    return true;
  }

  /** Ignores all further bytes and forgets what is held. Idempotent; the output simply pauses. */
  close(): void {
    this.#state = 'retired';
    this.#scanner = undefined;
    this.#held.release();
  }

  #wait(run: Buffer): void {
    const takesOver = this.#options.takeOver !== 'manual';
    if (takesOver && this.#ports.mayStart()) {
      this.take();
      this.#ports.pass(run);
      return;
    }
    this.#held.append(run);
    this.#scanner ??= new TsScanner({
      // An access point of a former program is none any more.
      onProgram: () => this.#forgetPoint(),
      onAccessPoint: (point) => this.#onAccessPoint(point),
    });
    this.#scanner.scan(run, this.#scanned);
    this.#scanned += run.length;
    const surplus = this.#held.length - this.#holdBytes;
    if (surplus > 0) {
      this.#forgetPoint();
      this.#held.dropBefore(this.#held.start + surplus);
    }
    if (!this.ready) return;
    if (!this.#wasReady) {
      this.#wasReady = true;
      this.#options.onReady?.();
    }
    if (takesOver) this.take();
  }

  #onAccessPoint(point: AccessPoint): void {
    if (point.offset < this.#held.start) return;
    // The first one of a run that has several: nothing is lost, and the outcome does not depend on how bytes were cut.
    if (this.#point && this.#options.takeOver !== 'manual') return;
    this.#held.dropBefore(point.offset);
    this.#point = point;
  }

  #forgetPoint(): void {
    this.#point = undefined;
  }
}
