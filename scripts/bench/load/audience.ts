import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { TsCheck } from '@streampool/testkit';
import { Histogram, type Percentiles } from '../measure/histogram.ts';

export interface ConnectOptions {
  readonly urls: readonly string[];
  readonly count: number;
  /** New connections per second. */
  readonly perSecond: number;
  /** Check every stream for sync and continuity (default); otherwise count bytes alone. */
  readonly check?: boolean;
  /** Names a group, to disconnect it. */
  readonly group?: string;
  /** 1.0 for servers that would send chunks otherwise. */
  readonly http?: '1.0' | '1.1';
  /** Never read after the head. */
  readonly stalled?: boolean;
  readonly bytesPerSecond?: number;
}

export interface AudienceReport {
  readonly connected: number;
  /** Answered with another status than 200, refused, or ended by the server. */
  readonly dropped: number;
  readonly bytes: number;
  readonly syncErrors: number;
  readonly continuityErrors: number;
  readonly timestampErrors: number;
  /** Streams whose first picture had pictures before it that cannot be decoded. */
  readonly undecodableStarts: number;
  /** The first things that were wrong, of any stream. */
  readonly notes: readonly string[];
  /** Age of time stamps at their arrival, since the last reset. */
  readonly delay: Percentiles;
  /** From the request to the first packet of the first picture, since the last reset. */
  readonly firstPicture: Percentiles;
  /** The longest time without bytes, over all viewers, since the last reset. */
  readonly longestGapMs: number;
  /** The longest that any viewer who is connected has had no bytes by now, in ms. */
  readonly silentMs: number;
}

interface Viewer {
  readonly socket: Socket;
  readonly check: TsCheck | undefined;
  readonly group: string;
  readonly requestedAt: number;
  headDone: boolean;
  pictured: boolean;
  lastByteAt: number;
  /** Since the last reset. */
  longestGapMs: number;
}

/** All sockets read into this one: a read is handled before the next begins, so nothing is copied or allocated. */
const SCRATCH = Buffer.allocUnsafe(1024 * 1024);

/** Many viewers in one process, each verified, at the least cost per byte that Node allows. */
export class Audience {
  readonly #viewers = new Set<Viewer>();
  readonly #delay = new Histogram();
  readonly #firstPicture = new Histogram();
  #bytes = 0;
  #dropped = 0;
  #undecodable = 0;
  /** Of viewers that have gone since the last reset. */
  #longestPastGap = 0;
  /** Counts of viewers that have gone. */
  readonly #past = { sync: 0, continuity: 0, timestamp: 0 };
  readonly #notes: string[] = [];

  /** Connects `count` viewers, round robin over the URLs. Resolves when each has its first byte or has failed. */
  async connect(options: ConnectOptions): Promise<void> {
    const began = performance.now();
    const ready: Promise<void>[] = [];
    for (let index = 0; index < options.count; index++) {
      const due = began + (index / options.perSecond) * 1_000 - performance.now();
      if (due > 1) await delay(due);
      ready.push(this.#open(options.urls[index % options.urls.length]!, options));
    }
    await Promise.all(ready);
  }

  #open(
    url: string,
    { check = true, group = '', http = '1.1', stalled = false, bytesPerSecond }: ConnectOptions,
  ): Promise<void> {
    const { hostname, port, pathname, search, host } = new URL(url);
    return new Promise((resolve) => {
      const socket = connect({
        host: hostname,
        port: Number(port),
        onread: {
          buffer: SCRATCH,
          callback: (length, buffer) => {
            this.#read(viewer, (buffer as Buffer).subarray(0, length));
            if (viewer.headDone) resolve();
            if (stalled && viewer.headDone) socket.pause();
            else if (bytesPerSecond !== undefined) {
              socket.pause();
              setTimeout(() => socket.resume(), (length / bytesPerSecond) * 1_000);
            }
            return true;
          },
        },
      });
      const now = performance.now();
      const viewer: Viewer = {
        ...{ socket, group, requestedAt: now, lastByteAt: now },
        ...{ check: check ? new TsCheck() : undefined, headDone: false, pictured: false, longestGapMs: 0 },
      };
      if (viewer.check)
        viewer.check.onStamp = (sent) => this.#delay.add(Number(process.hrtime.bigint() - sent) / 1e6);
      this.#viewers.add(viewer);
      socket.write(`GET ${pathname}${search} HTTP/${http}\r\nHost: ${host}\r\n\r\n`);
      socket.on('error', () => {});
      socket.on('close', () => {
        if (this.#viewers.has(viewer)) {
          this.#dropped += 1;
          this.#forget(viewer);
        }
        resolve();
      });
    });
  }

  #read(viewer: Viewer, data: Buffer): void {
    let body = data;
    const now = performance.now();
    if (!viewer.headDone) {
      // Servers write the head in one piece, and all of them write it before anything else.
      const end = data.indexOf('\r\n\r\n');
      if (!data.toString('latin1', 0, 13).includes(' 200') || end < 0) {
        this.#note(`answered: ${data.toString('latin1', 0, 300)}`);
        viewer.socket.destroy();
        return;
      }
      viewer.headDone = true;
      if (/transfer-encoding: *chunked/i.test(data.toString('latin1', 0, end)))
        throw new Error('the audience reads plain bodies only');
      body = data.subarray(end + 4);
    } else if (now - viewer.lastByteAt > viewer.longestGapMs) viewer.longestGapMs = now - viewer.lastByteAt;
    viewer.lastByteAt = now;
    this.#bytes += body.length;
    if (!viewer.check) return;
    viewer.check.push(body);
    if (viewer.pictured || !viewer.check.firstPicture) return;
    viewer.pictured = true;
    this.#firstPicture.add(now - viewer.requestedAt);
    if (viewer.check.firstPicture.undecodable > 0) this.#undecodable += 1;
  }

  #note(note: string): void {
    if (this.#notes.length < 10) this.#notes.push(note);
  }

  #forget(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#longestPastGap = Math.max(this.#longestPastGap, viewer.longestGapMs);
    if (!viewer.check) return;
    this.#past.sync += viewer.check.syncErrors;
    this.#past.continuity += viewer.check.continuityErrors;
    this.#past.timestamp += viewer.check.timestampErrors;
    for (const note of viewer.check.notes) this.#note(note);
  }

  /** Hangs up on the newest `count` viewers of a group (all by default). */
  disconnect({ group, count = Number.POSITIVE_INFINITY }: { group?: string; count?: number } = {}): void {
    const chosen = [...this.#viewers].filter((viewer) => group === undefined || viewer.group === group);
    for (const viewer of chosen.slice(-count)) {
      this.#forget(viewer);
      viewer.socket.destroy();
    }
  }

  /** Forgets delays, first pictures and gaps so far, to measure from now on. Bytes and errors go on being counted. */
  reset(): void {
    this.#delay.reset();
    this.#firstPicture.reset();
    this.#longestPastGap = 0;
    for (const viewer of this.#viewers) viewer.longestGapMs = 0;
  }

  report(): AudienceReport {
    const checks = [...this.#viewers].flatMap((viewer) => viewer.check ?? []);
    const sum = (value: (check: TsCheck) => number): number =>
      checks.reduce((total, check) => total + value(check), 0);
    return {
      connected: this.#viewers.size,
      dropped: this.#dropped,
      bytes: this.#bytes,
      syncErrors: this.#past.sync + sum((check) => check.syncErrors),
      continuityErrors: this.#past.continuity + sum((check) => check.continuityErrors),
      timestampErrors: this.#past.timestamp + sum((check) => check.timestampErrors),
      undecodableStarts: this.#undecodable,
      notes: [...this.#notes, ...checks.flatMap((check) => check.notes.slice(0, 1))].slice(0, 10),
      delay: this.#delay.summary(),
      firstPicture: this.#firstPicture.summary(),
      longestGapMs: [...this.#viewers].reduce(
        (longest, viewer) => Math.max(longest, viewer.longestGapMs),
        this.#longestPastGap,
      ),
      silentMs: [...this.#viewers].reduce(
        (longest, { lastByteAt }) => Math.max(longest, performance.now() - lastByteAt),
        0,
      ),
    };
  }

  /** Of each viewer that is connected, the longest time without bytes since the last reset, one that lasts included; ms. */
  gaps(): number[] {
    const now = performance.now();
    return [...this.#viewers].map(({ longestGapMs, lastByteAt }) => Math.max(longestGapMs, now - lastByteAt));
  }
}
