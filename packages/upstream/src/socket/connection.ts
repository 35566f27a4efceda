import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AddressGuard, AddressJudge } from '../address-guard.ts';
import type { TargetUrl } from '../http/target-url.ts';
import type { RetainedChunk } from '../types.ts';
import type { ConnectionCounters } from './connection-counters.ts';
import type { FreshNames } from './fresh-names.ts';
import { guardedLookup } from './guarded-lookup.ts';
import type { PaceWheel } from './pace-wheel.ts';
import { ReadBuffer, type ReadMemory } from './read-memory.ts';
import { ReadPace } from './read-pace.ts';
import { TURN_BYTES, type TurnQueue } from './turn-queue.ts';

/** What all connections of one client share. */
export interface ConnectionContext {
  readonly memory: ReadMemory;
  readonly wheel: PaceWheel;
  readonly turns: TurnQueue;
  readonly guard: AddressGuard;
  readonly counters: ConnectionCounters;
  readonly names: FreshNames;
  readonly verifyTls: boolean;
}

/** Told what happens on a connection. Nothing is called after `close()`. */
export interface ConnectionHandler {
  connected(): void;
  /** May be called while paused: TLS hands out what it had already decrypted. */
  read(chunk: Buffer): void;
  /** The other side ended (no error) or the connection broke. Called once. */
  ended(error?: Error): void;
  /** Nothing was read or written for as long as `watchIdle` asked. Called once per call of that. */
  idle(): void;
}

/**
 * A TCP or TLS connection read with `onread`, that is without Node's stream buffering between the kernel and the
 * caller (measured: a third to a quarter of the CPU per byte). Writing is only used for the request.
 */
export class Connection {
  /** Settles when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #context: ConnectionContext;
  readonly #handler: ConnectionHandler;
  readonly #socket: Socket;
  readonly #buffer: ReadBuffer;
  #pace: ReadPace | undefined;
  #paused = false;
  /** Waiting for the wheel or for the next turn. */
  #resting = false;
  /** Bytes read since others last had a turn. */
  #turnBytes = 0;
  #reading = false;
  #over = false;

  /**
   * Starts to connect. Names are resolved through the guard; a host that is an address the caller has to check.
   * `fresh`: see {@link FreshNames}. `judge`: who decides over this one; the guard itself by default.
   */
  constructor(
    context: ConnectionContext,
    target: TargetUrl,
    handler: ConnectionHandler,
    { fresh = false, judge = context.guard }: { fresh?: boolean; judge?: AddressJudge } = {},
  ) {
    this.#context = context;
    this.#handler = handler;
    this.#buffer = new ReadBuffer(context.memory);
    this.#socket = this.#connect(target, fresh, judge);
    const host = `${target.hostname}:${target.port}`;
    context.counters.opened(host);
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#over = true;
        this.#buffer.dispose();
        context.counters.closed(host);
        resolve();
      });
    });
  }

  /** Keeps the chunk that `read` was just called with, or a part of it. See {@link ReadBuffer}. */
  retainer(part: Buffer, readBytes: number): () => RetainedChunk {
    this.#buffer.offer(part, readBytes);
    return this.#buffer.retain;
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Batches the reads from now on; see {@link ReadPace}. */
  pace(paceMs: number): void {
    this.#pace = paceMs > 0 ? new ReadPace(paceMs, performance.now()) : undefined;
  }

  /** Uses the socket's own timer, which every read refreshes. */
  watchIdle(ms: number): void {
    this.#socket.setTimeout(ms);
  }

  pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    if (!this.#reading && !this.#resting) this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.#over) return;
    this.#paused = false;
    if (!this.#reading && !this.#resting) this.#socket.read(0);
  }

  /** Idempotent. The handler is not called again. */
  close(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #connect(target: TargetUrl, fresh: boolean, judge: AddressJudge): Socket {
    const { guard, verifyTls, names } = this.#context;
    const onread: OnReadOpts = {
      buffer: () => this.#buffer.next(), // asked again after each read
      callback: (bytes, buffer) => this.#onRead(bytes, buffer as Buffer),
    };
    const options = {
      host: target.hostname,
      port: target.port,
      noDelay: true,
      autoSelectFamily: true,
      lookup: guardedLookup(judge, target.port, fresh ? names.lookup : undefined),
      onread,
    };
    const named = isIP(target.hostname) === 0;
    const socket = target.secure
      ? connectTls({
          ...options,
          ...(named ? { servername: target.hostname } : {}),
          ALPNProtocols: ['http/1.1'],
          rejectUnauthorized: verifyTls,
        })
      : connectTcp(options);
    socket.once(target.secure ? 'secureConnect' : 'connect', () => {
      names.connected(target.hostname, socket.remoteAddress);
      guard.connected(target.hostname, socket.remoteAddress);
      if (!this.#over) this.#handler.connected();
    });
    socket.on('timeout', () => {
      if (!this.#over) this.#handler.idle();
    });
    socket.once('end', () => this.#end());
    socket.on('error', (error) => this.#end(error));
    return socket;
  }

  #onRead(bytes: number, buffer: Buffer): boolean {
    if (this.#over) return false;
    this.#context.counters.read(bytes);
    this.#reading = true;
    try {
      this.#handler.read(buffer.subarray(0, bytes));
    } finally {
      this.#reading = false;
    }
    this.#turnBytes += bytes;
    this.#pace?.count(bytes);
    if (this.#over || this.#paused || this.#resting) return false;
    if (this.#turnBytes >= TURN_BYTES) {
      this.#turnBytes = 0;
      this.#resting = true;
      this.#context.turns.next(this.#wake);
      return false;
    }
    if (!this.#pace) return true;
    // A full buffer means that more is waiting: going on costs nothing extra, pausing would throttle a fast source.
    if (bytes === buffer.length) return true;
    const pauseMs = this.#pace.pauseMs(performance.now());
    if (pauseMs === 0) return true;
    this.#resting = true;
    this.#context.wheel.schedule(this.#wake, pauseMs);
    return false;
  }

  readonly #wake = (): void => {
    this.#resting = false;
    if (!this.#over && !this.#paused) this.#socket.read(0);
  };

  #end(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#handler.ended(error);
    this.#socket.destroy();
  }
}
