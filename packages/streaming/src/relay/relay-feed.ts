import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ProgramMap } from '@streampool/mpegts';
import { openBareBody } from '@streampool/upstream';
import type { Delivery } from '../delivery-clock.ts';
import type { Ring } from '../ring.ts';
import { SocketViewer } from '../socket-viewer.ts';
import { type LastWord, relayWord } from './relay-signal.ts';

/** Silence is broken this often, ms: several times within any follower's patience. */
const ALIVE_EVERY_MS = 400;
const ALIVE = relayWord('alive');
const MOVED = relayWord('moved');
const NONE = Buffer.alloc(0);

/** How long a node that is behind may take to get the end of a complete stream. */
const CATCH_UP_MS = 30_000;

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
  /** It wants what comes from now on; by default, what comes from the newest access point on. */
  readonly joinNext?: boolean;
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
  /** PAT and PMT that fit what enters the ring next. */
  readonly tables: () => Buffer | undefined;
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
  #hasMoved = false;
  #finishing: { readonly word: LastWord; readonly byMs: number; readonly done: () => void } | undefined;

  /** Writes the response head. Undefined if the node has gone. The ring must have an access point. */
  static open(options: RelayFeedOptions): RelayFeed | undefined {
    const { ring, ringId, request } = options;
    const { resume, joinNext = false, epoch, res } = request;
    const resumes =
      resume?.ring === ringId &&
      resume.epoch === epoch &&
      resume.offset >= ring.tail &&
      resume.offset <= ring.head;
    const point = ring.newestAccessPoint();
    if (!point) return undefined;
    const start = resumes ? resume.offset : joinNext ? ring.head : point.offset;
    // The counters of the access point's own tables are a group of pictures old at the live end.
    const tables = resumes ? NONE : joinNext ? (options.tables() ?? NONE) : point.tables;
    const socket = openBareBody(res, 200, {
      'Content-Type': 'video/mp2t',
      'Cache-Control': 'no-store',
      'X-Stream-Epoch': epoch,
      'X-Stream-Ring': ringId,
      'X-Stream-Offset': start,
      // Bytes of PAT and PMT before that offset's first byte.
      'X-Stream-Tables': tables.length,
    });
    if (!socket) return undefined;
    if (tables.length > 0) socket.write(tables);
    return new RelayFeed(options, socket, start);
  }

  private constructor(options: RelayFeedOptions, socket: Socket, startAt: number) {
    this.#socket = socket;
    this.#spokenMs = options.now();
    this.#viewer = new SocketViewer({
      ring: options.ring,
      socket,
      startAt,
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

  /** Its socket, for measuring what it gets. */
  get socketViewer(): SocketViewer {
    return this.#viewer;
  }

  get bytes(): number {
    return this.#viewer.bytes;
  }

  deliver(nowMs: number): void {
    this.#viewer.deliver(nowMs);
    if (this.#viewer.closed) {
      this.#settle();
      return;
    }
    if (this.#finishing) this.#tryToFinish(nowMs, this.#finishing);
    else if (this.#hasMoved && this.#isAtEnd) {
      this.#hasMoved = false;
      this.#socket.write(MOVED);
    } else this.#breakSilence(nowMs);
  }

  /** Tells the node that it shall change over to another owner. It is served until it leaves. */
  move(): void {
    this.#hasMoved = true;
  }

  /**
   * Nothing will be added to the ring: the node gets what is there, then is told why. Until then the feed wants its turns;
   * `done` is called once, when it wants none any more.
   */
  finish(word: LastWord, nowMs: number, done: () => void): void {
    if (this.#viewer.closed) {
      done();
      return;
    }
    this.#finishing = { word, byMs: nowMs + CATCH_UP_MS, done };
    this.deliver(nowMs);
  }

  /** Idempotent. The node is told why, unless it is behind. */
  end(word: LastWord): void {
    if (this.#viewer.closed) return;
    if (this.#isAtEnd) this.#socket.write(relayWord(word));
    this.#viewer.end();
  }

  #breakSilence(nowMs: number): void {
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

  #tryToFinish(nowMs: number, { word, byMs }: { word: LastWord; byMs: number }): void {
    if (!this.#isAtEnd && nowMs < byMs) return;
    this.end(word);
    this.#settle();
  }

  #settle(): void {
    const finishing = this.#finishing;
    this.#finishing = undefined;
    finishing?.done();
  }

  /** Everything so far was written, so what follows stands between whole packets. */
  get #isAtEnd(): boolean {
    return this.#viewer.lagBytes === 0;
  }
}
