import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { resetSocket } from '../network/reset-socket.ts';
import { waitFor } from '../processes/wait-for.ts';
import { HttpReader, type ResponseHead } from './http-reader.ts';
import { TsCheck } from './ts-check.ts';
import { wholeUnits } from './whole-units.ts';

export interface PlayerOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Keep the body in memory (default false). */
  readonly record?: boolean;
  /** Check the body as a transport stream (default true). */
  readonly check?: boolean;
  /** Read at this pace from the beginning. */
  readonly bytesPerSecond?: number;
  /** Never read anything, from the beginning. */
  readonly stalled?: boolean;
}

/**
 * How a playback ended: `complete`, the whole body came; `fin` or `reset`, the server ended the connection (for an
 * endless body, `fin` is how it ends); `closed`, we did; `refused`, there never was a connection.
 */
export type PlaybackEnd = 'complete' | 'fin' | 'reset' | 'closed' | 'refused';

/** A viewer over raw TCP: requests a URL and notes when what came. Times are ms from the request. */
export class Player {
  readonly check = new TsCheck();
  readonly ended: Promise<PlaybackEnd>;
  /** Bytes of body so far. */
  bytes = 0;
  firstByteMs: number | undefined;
  firstPictureMs: number | undefined;
  endedMs: number | undefined;
  readonly #reader: HttpReader;
  readonly #socket: Socket;
  readonly #began = performance.now();
  readonly #recorded: Buffer[] = [];
  readonly #options: PlayerOptions;
  #lastByteAt: number | undefined;
  #longestGap = 0;
  #end: PlaybackEnd | undefined;
  #pace: { bytesPerSecond: number; since: number; bytes: number } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, options: PlayerOptions = {}) {
    this.#options = options;
    const { hostname, port, pathname, search, host } = new URL(url);
    this.#reader = new HttpReader((chunk) => this.#take(chunk), { bodiless: options.method === 'HEAD' });
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) });
    this.#socket = socket;
    const lines = [
      `${options.method ?? 'GET'} ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      'User-Agent: testkit-player',
    ];
    for (const [name, value] of Object.entries(options.headers ?? {})) lines.push(`${name}: ${value}`);
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    if (options.bytesPerSecond !== undefined) this.readAt(options.bytesPerSecond);
    if (options.stalled) socket.pause();
    else socket.on('data', (data) => this.#data(data));
    this.ended = new Promise((resolve) => {
      const finish = (end: PlaybackEnd): void => {
        if (this.#end) return;
        this.#end = end;
        this.endedMs = performance.now() - this.#began;
        clearTimeout(this.#timer);
        socket.destroy();
        resolve(end);
      };
      socket.on('end', () => finish(this.#reader.complete ? 'complete' : 'fin'));
      socket.on('error', (error: NodeJS.ErrnoException) =>
        finish(error.code === 'ECONNREFUSED' ? 'refused' : 'reset'),
      );
      socket.on('close', () => finish(this.#reader.complete ? 'complete' : 'closed'));
    });
  }

  get head(): ResponseHead | undefined {
    return this.#reader.head;
  }

  /** How it ended, once it has. */
  get end(): PlaybackEnd | undefined {
    return this.#end;
  }

  /** The longest time between two arrivals of bytes, the one that is running included. */
  get longestGapMs(): number {
    if (this.#lastByteAt === undefined || this.#end) return this.#longestGap;
    return Math.max(this.#longestGap, performance.now() - this.#lastByteAt);
  }

  /** Forgets gaps before this moment, to look at what an event does. */
  resetGap(): void {
    this.#longestGap = 0;
    this.#lastByteAt = performance.now();
  }

  /** The body so far. Only with `record`. */
  get recording(): Buffer {
    return Buffer.concat(this.#recorded);
  }

  /**
   * Writes the body so far to a file, and returns its path: all of it once it has ended, up to the last complete picture
   * while it goes on. Only with `record`.
   */
  saveRecording(path: string): string {
    writeFileSync(path, this.#end ? this.recording : wholeUnits(this.recording));
    return path;
  }

  /** Resolves with the head. Rejects when none came in time, or the connection ended without one. */
  async waitForHead(timeoutMs = 30_000): Promise<ResponseHead> {
    await waitFor(() => this.head !== undefined || this.#end !== undefined, {
      timeoutMs,
      what: 'a response head',
    });
    if (!this.head) throw new Error(`the connection ended without a response: ${this.#end}`);
    return this.head;
  }

  async waitForBytes(bytes: number, timeoutMs = 30_000): Promise<void> {
    await this.#waitWhileOpen(
      () => this.bytes >= bytes,
      timeoutMs,
      () => `${bytes} bytes, had ${this.bytes}`,
    );
  }

  /** Resolves with the ms from the request to the first packet of the first decodable picture. */
  async waitForPicture(timeoutMs = 30_000): Promise<number> {
    await this.#waitWhileOpen(
      () => this.firstPictureMs !== undefined,
      timeoutMs,
      () => 'a first picture',
    );
    return this.firstPictureMs!;
  }

  /** Resolves when that many more seconds of picture (or sound, without pictures) have come. */
  async waitForMedia(seconds: number, timeoutMs = 30_000): Promise<void> {
    const wanted = this.check.playedTicks + seconds * 90_000;
    const what = (): string => `${seconds} s more of media, had ${this.check.playedTicks / 90_000} s in all`;
    await this.#waitWhileOpen(() => this.check.playedTicks >= wanted, timeoutMs, what);
  }

  async #waitWhileOpen(condition: () => boolean, timeoutMs: number, what: () => string): Promise<void> {
    const state = (): string => `${what()} (status ${this.head?.status}, ended: ${this.#end ?? 'no'})`;
    await waitFor(() => condition() || this.#end !== undefined, { timeoutMs, what: state });
    if (!condition()) throw new Error(`ended before there was ${state()}`);
  }

  /** Stops reading: the server's socket fills up. */
  stall(): void {
    this.#pace = undefined;
    clearTimeout(this.#timer);
    this.#socket.pause();
  }

  resume(): void {
    this.#pace = undefined;
    clearTimeout(this.#timer);
    this.#socket.resume();
  }

  /** Reads no faster than this from now on. */
  readAt(bytesPerSecond: number): void {
    this.#pace = { bytesPerSecond, since: performance.now(), bytes: 0 };
  }

  /** Hangs up. Resolves when the socket is closed. */
  async close(how: 'fin' | 'rst' = 'fin'): Promise<void> {
    if (how === 'rst') resetSocket(this.#socket);
    else this.#socket.destroy();
    await this.ended;
  }

  #data(data: Buffer): void {
    this.#reader.push(data);
    if (this.#reader.complete) this.#socket.end();
    const pace = this.#pace;
    if (!pace) return;
    pace.bytes += data.length;
    const ahead = (pace.bytes / pace.bytesPerSecond) * 1_000 - (performance.now() - pace.since);
    if (ahead <= 0) return;
    this.#socket.pause();
    this.#timer = setTimeout(() => this.#socket.resume(), ahead).unref();
  }

  #take(chunk: Buffer): void {
    const now = performance.now();
    this.firstByteMs ??= now - this.#began;
    if (this.#lastByteAt !== undefined) this.#longestGap = Math.max(this.#longestGap, now - this.#lastByteAt);
    this.#lastByteAt = now;
    this.bytes += chunk.length;
    if (this.#options.record) this.#recorded.push(Buffer.from(chunk));
    if (this.#options.check === false) return;
    this.check.push(chunk);
    if (this.firstPictureMs === undefined && this.check.firstPicture) this.firstPictureMs = now - this.#began;
  }
}

export interface Download {
  readonly head: ResponseHead;
  readonly body: Buffer;
  readonly end: PlaybackEnd;
}

/** Fetches a body that ends, with everything of it. */
export async function download(
  url: string,
  { timeoutMs = 30_000, ...options }: Omit<PlayerOptions, 'record' | 'check'> & { timeoutMs?: number } = {},
): Promise<Download> {
  const player = new Player(url, { ...options, record: true, check: false });
  const head = await player.waitForHead(timeoutMs);
  const end = await waitFor(() => player.end, {
    timeoutMs,
    what: `the end of ${url}, had ${player.bytes} bytes`,
  }).finally(() => player.close());
  return { head, body: player.recording, end };
}
