import { createReadStream } from 'node:fs';
import { isStreampoolError, StreampoolError } from '@streampool/errors';
import {
  type HlsAnswer,
  type HlsOrigin,
  type HlsRequest,
  type HlsResume,
  PLAYLIST_TYPE,
} from '@streampool/hls';
import { type CutSegment, MediaWallClock, SegmentCutter, targetDuration } from '@streampool/packager';
import type { Programme } from '@streampool/state';
import {
  type Clock,
  type StreamSpec,
  systemClock,
  type Tap,
  type TapEnd,
  type TapSink,
} from '@streampool/streaming';
import type { Logger } from 'pino';
import type { Callback, NetworkState, NetworkStatus, ProgrammeEnd } from './network-status.ts';
import { ProgrammeFolder } from './programme-folder.ts';

/** A network as it is wanted now. */
export interface NetworkSpec {
  readonly spec: StreamSpec;
  readonly programme: Programme;
}

export interface NetworkOptions extends NetworkSpec {
  readonly engine: {
    tap(spec: StreamSpec, sink: TapSink): Promise<Tap>;
    endPools(streamId: string, reason: string): Promise<void>;
    pools(): readonly { readonly streamId: string; readonly pid?: number }[];
  };
  /** How far an earlier owner had come, by what nodes have of its playlist, where that is known by now; a request may bring it, too. */
  readonly resume?: HlsResume;
  /** Where the files of a network are. */
  readonly folderOf: (programme: Programme) => string;
  readonly startTimeoutMs: number;
  /** It is over, by itself. */
  readonly callback: (callback: Callback) => void;
  /** It is not to be played again, here or elsewhere. Resolves when the others can know. */
  readonly onOver: (programme: Programme) => Promise<void>;
  /** It is not played here any more, though its pool had ended before. */
  readonly onQuiet: (state: 'stopped' | 'failed') => void;
  /** How long what was written stays after the end; of recordings it stays for good. */
  readonly keptMs: number;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** How long a segment may be at the most, in segments as they were asked for. */
const LIMIT = 2;
/** Of what a former owner wrote, on a disk that is not here, no more is known than the time: its segments were longer than this. */
const SHORTEST = 0.85;
const SEGMENT = /^segment\/([^/]+)$/;

/** Where to ask a network for itself. */
export const NETWORK_PLAYLIST = 'live.m3u8';
export const NETWORK_STATUS = 'status.json';

/**
 * One network at the node that owns it: its programmes, one after another, cut into one playlist on disk, at their time, whoever
 * watches. It goes on when nobody asks for it, and stays for its files when it has ended.
 */
export class Network implements HlsOrigin {
  readonly #options: NetworkOptions;
  readonly #clock: Clock;
  #wall = new MediaWallClock();
  readonly closed: Promise<void>;
  #setClosed: () => void = () => {};
  #wanted: NetworkSpec;
  #folder: ProgrammeFolder | undefined;
  #status: NetworkState = 'starting';
  #error: StreampoolError | undefined;
  #tap: Tap | undefined;
  #nextNumber = 0;
  #resume: HlsResume | undefined;
  /** Whose first segment is yet to come: until then it can still go on where an earlier owner was. */
  #goingOn: ProgrammeFolder | undefined;
  /** Steps one after another: writing, stopping, starting. */
  #work: Promise<void> = Promise.resolve();
  /** Of programmes: what an earlier one still says is ignored. */
  #generation = 0;
  #isClosed = false;
  #cancelTimer: () => void = () => {};
  /** Its source came to an end before its time was over, and the pool with it. */
  #outlivesPool = false;
  readonly #changes = new Set<() => void>();

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#wanted = options;
    this.#resume = options.resume;
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve;
    });
    this.#then(() => this.#begin(options, { isFirst: true }));
  }

  /** What is wanted of it now. The same again changes nothing. */
  update(wanted: NetworkSpec): void {
    const { programme: before } = this.#wanted;
    const { programme } = wanted;
    if (this.#isClosed || programme.startedAtMs < before.startedAtMs) return;
    // What was read before it was stopped: nobody begins a programme again under its old time.
    const isOld = before.stoppedAtMs !== undefined && programme.stoppedAtMs === undefined;
    if (isOld && programme.startedAtMs === before.startedAtMs) return;
    this.#wanted = wanted;
    if (programme.startedAtMs > before.startedAtMs)
      this.#then(async () => {
        await this.#end('stopping');
        await this.#begin(wanted, { isFirst: false });
      });
    else if (programme.stoppedAtMs !== undefined && before.stoppedAtMs === undefined)
      this.#then(async () => {
        if (this.#status === 'starting' || this.#status === 'running') await this.#end('stopped');
      });
    if (programme.removed && !before.removed)
      this.#then(async () => {
        await this.#end('stopped');
        await this.#folder?.remove();
      });
  }

  async answer({ path, query, resume }: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    this.#heed(resume);
    if (path === NETWORK_STATUS) {
      // Who changes something wants to know what became of it.
      await this.#work;
      if (query.has('settled'))
        await this.#until(() => this.#status !== 'starting', this.#options.startTimeoutMs, signal);
      return json(this.status());
    }
    if (path === NETWORK_PLAYLIST) return this.#playlist();
    const [, name = ''] = SEGMENT.exec(path) ?? [];
    const found = await this.#folder?.segment(name);
    if (!found) throw new StreampoolError('NOT_FOUND', 'the network has no such segment');
    const { path: file, bytes } = found;
    return {
      ...{ status: 200, kind: 'media', contentType: 'video/mp2t', maxAgeMs: 60_000 },
      body: { length: bytes, open: () => createReadStream(file) },
    };
  }

  status(): NetworkStatus {
    const { programme, spec } = this.#wanted;
    const pid = this.#options.engine.pools().find(({ streamId }) => streamId === spec.id)?.pid;
    return {
      status: this.#status,
      startedAtMs: programme.startedAtMs,
      currentSegment: this.#currentSegment,
      folder: this.#options.folderOf(programme),
      ...(pid !== undefined && { pid }),
      ...(this.#error && { error: { code: this.#error.code, message: this.#error.message } }),
      bytesWritten: this.#folder?.bytesWritten ?? 0,
    };
  }

  /** Whether a programme is on, also while its time goes on without its source: nobody else is to play it. */
  get isPlaying(): boolean {
    return !this.#isClosed && (this.#status === 'starting' || this.#status === 'running');
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#generation += 1;
      this.#cancelTimer();
      this.#tap?.close();
      void this.#work.then(() => this.#setClosed());
    }
    return this.closed;
  }

  get #currentSegment(): number {
    return this.#folder?.lastNumber ?? this.#nextNumber;
  }

  #playlist(): HlsAnswer {
    const body = this.#folder?.playlist;
    if (!body) throw new StreampoolError('NOT_FOUND', 'the network shows nothing yet');
    const { targetDurationMs, progress } = this.#folder!;
    return {
      ...(progress && { progress }),
      ...{ status: 200, kind: 'playlist', contentType: PLAYLIST_TYPE, body, targetDurationMs },
      maxAgeMs: targetDurationMs / 8,
    };
  }

  async #begin({ spec, programme }: NetworkSpec, { isFirst }: { isFirst: boolean }): Promise<void> {
    if (this.#isClosed || programme.removed) return;
    const generation = ++this.#generation;
    const path = this.#options.folderOf(programme);
    if (this.#folder?.path !== path) {
      const { listSize, recorded } = programme;
      this.#folder = await ProgrammeFolder.open({ path, listSize, keepsAll: recorded });
    }
    const folder = this.#folder;
    folder.listSize = programme.listSize;
    this.#nextNumber = await this.#firstNumber(folder, programme, isFirst);
    this.#error = undefined;
    const over =
      programme.durationMs !== undefined &&
      this.#clock.wallNow() >= programme.startedAtMs + programme.durationMs;
    if (programme.stoppedAtMs !== undefined) {
      await folder.finish();
      this.#set('stopped');
      return;
    }
    // Nobody has said so: who played it died in its last moments.
    if (over) {
      await this.#onEnded(programme, { reason: 'ended' });
      return;
    }
    this.#outlivesPool = false;
    this.#set('starting');
    const goesOn = isFirst && this.#isGoingOn(programme);
    this.#goingOn = goesOn ? folder : undefined;
    this.#goOn();
    let isVeryFirst = folder.lastNumber === undefined;
    let isNew = programme.discontinuity || !isFirst || goesOn;
    const cutter: SegmentCutter = new SegmentCutter({
      segmentMs: programme.segmentMs,
      partMs: programme.segmentMs,
      limitMs: () => LIMIT * programme.segmentMs,
      hurried: () => false,
      onOpened: () => {},
      onPart: () => {},
      onClosed: (segment) => {
        // There is nothing before the very first segment that it could differ from.
        const discontinuity = isNew || (segment.discontinuity && !isVeryFirst);
        isNew = false;
        isVeryFirst = false;
        this.#then(() => this.#write(folder, programme, { ...segment, discontinuity }, cutter.gopMs));
      },
    });
    const tap = await this.#options.engine.tap(spec, {
      run: (run) => {
        if (generation !== this.#generation) return;
        if (this.#status === 'starting') this.#set('running');
        cutter.run(run);
      },
      ended: (end) => {
        if (generation !== this.#generation) return;
        cutter.end();
        this.#tap = undefined;
        this.#outlivesPool = true;
        // Sources come a little ahead of the time; the programme is over when its time is.
        this.#cancelTimer();
        this.#cancelTimer = this.#clock.after(this.#leftMs(programme, end), () => {
          // Another programme may begin among the steps that are before this one.
          this.#then(async () => {
            if (generation === this.#generation) await this.#onEnded(programme, end);
          });
        });
      },
    });
    if (generation === this.#generation) this.#tap = tap;
    else tap.close();
  }

  async #write(
    folder: ProgrammeFolder,
    programme: Programme,
    segment: CutSegment,
    gopMs: number,
  ): Promise<void> {
    const { durationMs, discontinuity, bytes } = segment;
    this.#goingOn = undefined;
    const programDateTimeMs = this.#wall.place(durationMs, {
      ...{ nowMs: this.#clock.wallNow(), behindMs: durationMs, isNew: discontinuity },
    });
    const longest = targetDuration(programme.segmentMs, { gopMs, longestMs: durationMs });
    const number = this.#nextNumber++;
    await folder.add({ number, durationMs, discontinuity, programDateTimeMs }, bytes, longest);
  }

  /** What is under way is cut off. */
  async #end(status: 'stopping' | 'stopped'): Promise<void> {
    this.#generation += 1;
    this.#set('stopping');
    this.#tap?.close();
    this.#tap = undefined;
    await this.#options.engine.endPools(this.#wanted.spec.id, 'the programme was ended');
    if (status === 'stopped') await this.#folder?.finish();
    this.#set(status);
  }

  #leftMs({ startedAtMs, durationMs }: Programme, { reason }: TapEnd): number {
    if (reason !== 'ended' || durationMs === undefined) return 0;
    return Math.max(0, startedAtMs + durationMs - this.#clock.wallNow());
  }

  async #onEnded(programme: Programme, { reason, error }: TapEnd): Promise<void> {
    if (reason === 'stopped') {
      this.#set('stopped');
      return;
    }
    await this.#folder?.finish();
    const failed = reason === 'failed';
    this.#error = failed
      ? (error ?? new StreampoolError('STREAM_FAILED', 'the programme could not be played to its end'))
      : undefined;
    // Before it counts as free: whoever looks for networks without an owner must not find this one.
    await this.#options.onOver(programme);
    this.#set(failed ? 'failed' : 'stopped');
    this.#tell(programme, failed ? 'broadcast_failed' : 'programme_ended');
  }

  /** Nobody has wanted more of it for long. */
  async #expire(): Promise<void> {
    if (this.#status !== 'stopped' && this.#status !== 'failed') return;
    if (!this.#wanted.programme.recorded) await this.#folder?.remove();
    void this.close();
  }

  #tell(programme: Programme, event: ProgrammeEnd): void {
    const { network, callbackUrl: url, recorded, startedAtMs } = programme;
    const { log, callback, folderOf, clock = systemClock } = this.#options;
    log.info({ network, event, error: this.#error?.message }, 'a programme is over');
    if (url === undefined) return;
    const nowMs = clock.wallNow();
    callback({
      ...{ url, programmeStartedAtMs: startedAtMs },
      body: {
        network_id: network,
        event,
        timestamp: new Date(nowMs).toISOString(),
        dvr_mode: recorded,
        hls_dir: recorded ? folderOf(programme) : null,
        data: {
          exit_code: event === 'programme_ended' ? 0 : 1,
          final_segment_number: this.#currentSegment,
          duration_streamed: Math.max(0, nowMs - startedAtMs) / 1000,
          ...(this.#error && { error: this.#error.message }),
        },
      },
    });
  }

  /** Players have seen what an earlier process made of this programme. */
  #isGoingOn({ startedAtMs, segmentMs }: Programme): boolean {
    return this.#clock.wallNow() - startedAtMs > 2 * segmentMs;
  }

  /** Whoever opens it may not have seen the playlist; players who have ask soon. */
  #heed(resume: HlsResume | undefined): void {
    if (!resume || resume.mediaSequence <= (this.#resume?.mediaSequence ?? -1)) return;
    this.#resume = resume;
    this.#goOn();
  }

  /** Neither numbers, times nor the count of discontinuities go back at another owner. */
  #goOn(): void {
    const resume = this.#resume;
    if (!resume || !this.#goingOn) return;
    this.#nextNumber = Math.max(this.#nextNumber, resume.mediaSequence + 1);
    this.#wall = new MediaWallClock(resume.endMs);
    this.#goingOn.goOn(resume);
  }

  /** Numbers never go back: not from one programme to the next, not after a restart, not at another owner. */
  async #firstNumber(folder: ProgrammeFolder, programme: Programme, isFirst: boolean): Promise<number> {
    const { firstSegment, startedAtMs, segmentMs, discontinuity } = programme;
    if (!isFirst) return firstSegment ?? this.#nextNumber;
    const written = await folder.highestNumber();
    if (this.#isGoingOn(programme)) {
      const elapsedMs = this.#clock.wallNow() - startedAtMs;
      const guessed = Math.ceil(elapsedMs / (SHORTEST * segmentMs)) + 1;
      const seen = this.#resume?.mediaSequence ?? -1;
      return Math.max(written + 1, seen + 1, (firstSegment ?? 0) + (written < 0 ? guessed : 0));
    }
    if (firstSegment === undefined && discontinuity) return written + 1;
    if ((firstSegment ?? 0) === 0 && !discontinuity) await folder.empty();
    return firstSegment ?? 0;
  }

  #set(status: NetworkState): void {
    this.#status = status;
    if (this.#outlivesPool && !this.isPlaying && !this.#isClosed) {
      this.#outlivesPool = false;
      this.#options.onQuiet(status === 'failed' ? 'failed' : 'stopped');
    }
    this.#cancelTimer();
    if ((status === 'stopped' || status === 'failed') && !this.#isClosed)
      this.#cancelTimer = this.#clock.after(this.#options.keptMs, () => this.#then(() => this.#expire()));
    for (const look of this.#changes) look();
  }

  #then(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      const { programme } = this.#wanted;
      this.#error = isStreampoolError(error)
        ? error
        : new StreampoolError('STREAM_FAILED', describe(error), { cause: error });
      this.#options.log.error({ err: error, network: programme.network }, 'a network cannot go on');
      this.#set('failed');
    });
  }

  /** Resolves when it is so, or after that many ms. */
  async #until(isSo: () => boolean, ms: number, signal: AbortSignal): Promise<void> {
    if (isSo()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (isSo()) resolve();
    };
    const cancel = this.#clock.after(ms, resolve);
    this.#changes.add(look);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    cancel();
    this.#changes.delete(look);
  }
}

function json(value: unknown): HlsAnswer {
  return {
    ...{ status: 200, kind: 'other', contentType: 'application/json', maxAgeMs: 0 },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** A full disk above all. */
function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC'
    ? 'there is no space left on the disk'
    : `it cannot be written (${code ?? message})`;
}
