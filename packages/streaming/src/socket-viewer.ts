import type { Socket } from 'node:net';
import { discontinuityPackets, type ProgramMap } from '@streampool/mpegts';
import { resetSocket } from '@streampool/upstream';
import type { Delivery } from './delivery-clock.ts';
import type { Block, Ring } from './ring.ts';

/** The most that one turn hands to one socket; more than any bitrate needs per interval, less than would hold the loop. */
const TURN_BYTES = 4 * 1024 * 1024;

/** After the kernel's buffer was full: small writes, so that even a very slow viewer shows progress. */
const CAREFUL_SLICE_BYTES = 64 * 1024;

/** A socket that took nothing for this long although there was something to take is worth telling, ms. */
export const NOTED_BLOCK_MS = 1_000;

/** How long the rest of an ended response may take. */
const LINGER_MS = 10_000;

/** How long a viewer may take to catch up with the end of a complete stream: more than a ring holds, played in real time. */
const CATCH_UP_MS = 30_000;

/** How long a socket has taken nothing, and how much lies between the viewer and the live end. */
export interface ViewerBlock {
  readonly blockedMs: number;
  readonly lagBytes: number;
}

export interface SocketViewerOptions {
  readonly ring: Ring;
  /** A socket whose response head has been written and that nobody else writes to. */
  readonly socket: Socket;
  /** Absolute offset to begin at, which the ring holds; the newest access point by default. */
  readonly startAt?: number;
  /** The absolute offset up to which it may be given the ring by now; all of it by default. */
  readonly limit?: (nowMs: number) => number;
  /** A viewer whose socket took nothing for this long, while there was something to take, is dropped. */
  readonly clientTimeoutMs: number;
  readonly program: () => ProgramMap | undefined;
  /** Monotonic ms. */
  readonly now: () => number;
  readonly onSkip?: (bytesSkipped: number) => void;
  /** Its socket has taken nothing for {@link NOTED_BLOCK_MS}. Called once, until it takes something. */
  readonly onBlocked?: (blocked: ViewerBlock) => void;
  readonly onUnblocked?: (blocked: ViewerBlock) => void;
  /** Called once. `left`: the viewer closed the socket. `stuck`: it was dropped. */
  readonly onLeave: (reason: 'left' | 'stuck') => void;
}

/**
 * A viewer as a cursor into a ring. There is no queue: each turn writes what lies between the cursor and the live end,
 * and stops as soon as the kernel does not take it all. So a slow viewer costs at most one unsent slice, and one that
 * falls out of the ring goes on at the newest access point, marked by discontinuity indicators.
 */
export class SocketViewer implements Delivery {
  readonly #options: SocketViewerOptions;
  readonly #ring: Ring;
  readonly #socket: Socket;
  #cursor = -1;
  #pinned: Block | undefined;
  #careful = false;
  #closed = false;
  #progressMs: number;
  #isBlocked = false;
  #wroteMs: number;
  #longestGapMs = 0;
  #onFinished: (() => void) | undefined;
  #finishByMs = Number.POSITIVE_INFINITY;
  bytes = 0;
  skips = 0;

  constructor(options: SocketViewerOptions) {
    this.#options = options;
    this.#ring = options.ring;
    this.#socket = options.socket;
    this.#cursor = options.startAt ?? -1;
    this.#progressMs = options.now();
    this.#wroteMs = this.#progressMs;
    this.#socket.on('error', ignore);
    this.#socket.once('close', this.#onClose);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Monotonic ms when the socket last took everything it was given. */
  get progressMs(): number {
    return this.#progressMs;
  }

  get lagBytes(): number {
    return this.#cursor < 0 ? 0 : this.#ring.head - this.#cursor;
  }

  /** The longest time in which nothing was written since `restartGap`, the one that is running included; ms. */
  gapMs(nowMs: number): number {
    return this.#closed ? this.#longestGapMs : Math.max(this.#longestGapMs, nowMs - this.#wroteMs);
  }

  /** Forgets how long nothing was written so far. */
  restartGap(nowMs: number): void {
    this.#longestGapMs = 0;
    this.#wroteMs = nowMs;
  }

  deliver(nowMs: number): void {
    const { bytes } = this;
    this.#takeTurn(nowMs);
    if (this.bytes > bytes) {
      if (nowMs - this.#wroteMs > this.#longestGapMs) this.#longestGapMs = nowMs - this.#wroteMs;
      this.#wroteMs = nowMs;
    }
    if (this.#closed || this.#onFinished === undefined) return;
    if (this.lagBytes === 0 || nowMs > this.#finishByMs) this.end();
  }

  #takeTurn(nowMs: number): void {
    if (this.#closed) return;
    if (this.#pinned !== undefined) {
      if (this.#socket.writableLength > 0) {
        if (this.#isStuck(nowMs)) this.#drop();
        else this.#noteBlock(nowMs);
        return;
      }
      this.#release();
      if (this.#isBlocked) this.#noteEndOfBlock(nowMs);
    }
    this.#send(nowMs);
  }

  /** Ends the response properly: what was written still arrives, then FIN. Idempotent; does not call `onLeave`. */
  end(): void {
    if (this.#closed) return;
    this.#detach();
    // What the kernel has not taken yet still points into the ring.
    this.#socket.end(() => this.#release());
    // A viewer that takes nothing would keep the socket for ever.
    this.#socket.setTimeout(Math.min(this.#options.clientTimeoutMs, LINGER_MS), () => this.#socket.destroy());
  }

  /**
   * Nothing will be added to the ring: ends the response properly once the viewer has got what is there. Until then it
   * wants its turns. `onFinished` is called once, when it wants none any more, for whatever reason.
   */
  finish(nowMs: number, onFinished: () => void): void {
    if (this.#closed) {
      onFinished();
      return;
    }
    this.#onFinished = onFinished;
    this.#finishByMs = nowMs + CATCH_UP_MS;
    this.deliver(nowMs);
  }

  #send(nowMs: number): void {
    if (!this.#place()) return;
    let budget = TURN_BYTES;
    const end = Math.min(this.#ring.head, this.#options.limit?.(nowMs) ?? this.#ring.head);
    while (this.#cursor < end && budget > 0) {
      const block = this.#ring.blockAt(this.#cursor);
      if (block === undefined) return;
      const most = Math.min(end - this.#cursor, this.#careful ? CAREFUL_SLICE_BYTES : TURN_BYTES);
      const slice = this.#ring.sliceOf(block, this.#cursor, most);
      const roomy = this.#socket.write(slice);
      this.#cursor += slice.length;
      this.bytes += slice.length;
      budget -= slice.length;
      if (this.#socket.writableLength > 0) {
        this.#pinned = block;
        this.#careful = true;
        this.#ring.pin(block);
        // Below the high-water mark no drain is signalled; then the next turn looks.
        if (!roomy) this.#socket.once('drain', this.#onDrain);
        return;
      }
      this.#progressMs = nowMs;
    }
    this.#progressMs = nowMs;
    this.#careful = false;
  }

  /** Puts the cursor where there are bytes: at first, and again when the ring has passed it. False: nowhere yet. */
  #place(): boolean {
    if (this.#cursor >= this.#ring.tail) return true;
    const point = this.#ring.newestAccessPoint();
    if (point === undefined) return false;
    if (this.#cursor >= 0) {
      const skipped = point.offset - this.#cursor;
      this.skips += 1;
      this.#options.onSkip?.(skipped);
      if (this.#closed) return false;
      const program = this.#options.program();
      if (program) this.#write(discontinuityPackets(program, point));
    }
    this.#write(point.tables);
    this.#cursor = point.offset;
    return true;
  }

  #write(packets: Buffer): void {
    if (packets.length === 0) return;
    this.#socket.write(packets);
    this.bytes += packets.length;
  }

  #noteBlock(nowMs: number): void {
    const blockedMs = Math.round(nowMs - this.#progressMs);
    if (this.#isBlocked || blockedMs < NOTED_BLOCK_MS) return;
    this.#isBlocked = true;
    this.#options.onBlocked?.({ blockedMs, lagBytes: this.lagBytes });
  }

  #noteEndOfBlock(nowMs: number): void {
    this.#isBlocked = false;
    const blockedMs = Math.round(nowMs - this.#progressMs);
    this.#options.onUnblocked?.({ blockedMs, lagBytes: this.lagBytes });
  }

  #isStuck(nowMs: number): boolean {
    if (nowMs - this.#progressMs > this.#options.clientTimeoutMs) return true;
    return this.#ring.stragglingBytes > this.#ring.budgetBytes && this.#ring.oldestStraggler === this.#pinned;
  }

  #drop(): void {
    this.#detach();
    this.#release();
    // A plain close would leave megabytes in the kernel, waiting for a peer that does not read.
    resetSocket(this.#socket);
    this.#options.onLeave('stuck');
  }

  #release(): void {
    if (this.#pinned === undefined) return;
    this.#ring.unpin(this.#pinned);
    this.#pinned = undefined;
  }

  #detach(): void {
    this.#closed = true;
    this.#socket.off('drain', this.#onDrain);
    this.#socket.off('close', this.#onClose);
    this.#onFinished?.();
  }

  readonly #onDrain = (): void => {
    if (this.#closed || this.#socket.writableLength > 0) return;
    this.deliver(this.#options.now());
  };

  readonly #onClose = (): void => {
    if (this.#closed) return;
    this.#detach();
    this.#release();
    this.#options.onLeave('left');
  };
}

function ignore(): void {
  // A socket error is followed by 'close', which says all we need.
}
