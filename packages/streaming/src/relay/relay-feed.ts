import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ProgramMap } from '@streampool/mpegts';
import { openBareBody } from '@streampool/upstream';
import type { Delivery } from '../delivery-clock.ts';
import type { Ring } from '../ring.ts';
import { SocketViewer } from '../socket-viewer.ts';
import { type RelayWord, relayWord } from './relay-signal.ts';

/** Silence is broken this often, ms: several times within any follower's patience. */
const ALIVE_EVERY_MS = 400;
const ALIVE = relayWord('alive');

/** A place in one pool's ring: offsets of another pool, or of the next one under the same epoch, mean nothing. */
export interface RelayPosition {
  readonly epoch: number;
  readonly ring: string;
  readonly offset: number;
}

/** Another node at the door. */
export interface RelayRequest {
  readonly node: string;
  /** Under which the stream is owned here. */
  readonly epoch: number;
  /** Where the last connection was cut. */
  readonly resume?: RelayPosition;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

export interface RelayFeedOptions {
  readonly ring: Ring;
  readonly ringId: string;
  readonly request: RelayRequest;
  readonly program: () => ProgramMap | undefined;
  readonly clientTimeoutMs: number;
  readonly now: () => number;
  /** Called once, unless `end` was. */
  readonly onLeave: () => void;
}

/**
 * The ring's bytes for another node: like a viewer, but it goes on at a given offset where the ring still holds it, it is
 * told when there is nothing to send, and it is cut when it falls out of the ring: the node then comes back and splices.
 */
export class RelayFeed implements Delivery {
  readonly #socket: Socket;
  readonly #viewer: SocketViewer;
  #bytesSeen = -1;
  #spokenMs: number;

  /** Writes the response head. Undefined if the node has gone. The ring must have an access point. */
  static open(options: RelayFeedOptions): RelayFeed | undefined {
    const { ring, ringId, request } = options;
    const { resume, epoch, res } = request;
    const resumes =
      resume?.ring === ringId &&
      resume.epoch === epoch &&
      resume.offset >= ring.tail &&
      resume.offset <= ring.head;
    const point = ring.newestAccessPoint();
    const start = resumes ? resume.offset : point?.offset;
    if (start === undefined) return undefined;
    const socket = openBareBody(res, 200, {
      'Content-Type': 'video/mp2t',
      'Cache-Control': 'no-store',
      'X-Stream-Epoch': epoch,
      'X-Stream-Ring': ringId,
      'X-Stream-Offset': start,
      // Bytes of PAT and PMT before that offset's first byte.
      'X-Stream-Tables': resumes ? 0 : (point?.tables.length ?? 0),
    });
    return socket && new RelayFeed(options, socket, resumes ? start : undefined);
  }

  private constructor(options: RelayFeedOptions, socket: Socket, startAt: number | undefined) {
    this.#socket = socket;
    this.#spokenMs = options.now();
    this.#viewer = new SocketViewer({
      ring: options.ring,
      socket,
      ...(startAt !== undefined && { startAt }),
      clientTimeoutMs: options.clientTimeoutMs,
      program: options.program,
      now: options.now,
      onSkip: () => {
        this.#viewer.end();
        socket.destroy();
        options.onLeave();
      },
      onLeave: () => options.onLeave(),
    });
  }

  get bytes(): number {
    return this.#viewer.bytes;
  }

  deliver(nowMs: number): void {
    this.#viewer.deliver(nowMs);
    if (this.#viewer.closed) return;
    if (this.#viewer.bytes !== this.#bytesSeen) {
      this.#bytesSeen = this.#viewer.bytes;
      this.#spokenMs = nowMs;
    } else if (
      nowMs - this.#spokenMs >= ALIVE_EVERY_MS &&
      this.#isAtEnd &&
      this.#socket.writableLength === 0
    ) {
      this.#spokenMs = nowMs;
      this.#socket.write(ALIVE);
    }
  }

  /** Idempotent. The node is told why, unless it is behind. */
  end(word: RelayWord): void {
    if (this.#viewer.closed) return;
    if (this.#isAtEnd) this.#socket.write(relayWord(word));
    this.#viewer.end();
  }

  /** Everything so far was written, so what follows stands between whole packets. */
  get #isAtEnd(): boolean {
    return this.#viewer.lagBytes === 0;
  }
}
