import { isStreampoolError, StreampoolError } from '@streampool/errors';
import {
  type HlsAnswer,
  type HlsBody,
  type HlsOrigin,
  type HlsRequest,
  type HlsResume,
  PLAYLIST_TYPE,
} from '@streampool/hls';
import { type Clock, systemClock, type Tap, type TapEnd } from '@streampool/streaming';
import { longestOf, startDistance, targetDuration } from './cutting/cut-rules.ts';
import { type CutSegment, SegmentCutter } from './cutting/segment-cutter.ts';
import type { PackagerOptions, PackagerSnapshot } from './options.ts';
import { readPlaylistRequest } from './playlist/playlist-request.ts';
import { PlaylistText } from './playlist/playlist-text.ts';
import { resourceAt } from './playlist/resource-path.ts';
import type { SegmentShelf } from './store/segment-storage.ts';
import { Waiters } from './waiters.ts';
import { type FirstNumbers, firstNumbers } from './window/first-numbers.ts';
import { LiveWindow } from './window/live-window.ts';
import { MediaWallClock } from './window/wall-clock.ts';

const SEGMENT_TYPE = 'video/mp2t';
/** How long a segment may become before it is known how long segments are, at least, ms. */
const FIRST_LIMIT_MS = 6_000;
/** How much of the time that a start may take the first playlist is held back at most: after it players and nodes give up. */
const HELD_BACK_FOR = 0.9;
/** Of the newest, in memory: what players at the live end ask for. */
const HOT_SEGMENTS = 6;
/** A blocking reload waits for so many target durations at most (rfc8216bis §6.2.5.2). */
const BLOCK_FOR = 3;
/** A player that has been silent for so many target durations has left. */
const PATIENT_FOR = 3;
/** A playlist has so many target durations at least, where there are as many (RFC 8216 §6.2.2). */
const LEAST_WINDOW = 3;
/** How far ahead a blocking reload may be, in segments (§6.2.5.2). */
const AHEAD = 2;
/** Blocking reloads that ask for the same are the same. */
const SHARED_MS = 1_000;

/** A new beginning of the numbers makes new ones of these. */
interface Numbered {
  readonly window: LiveWindow;
  readonly shelf: SegmentShelf;
  readonly text: PlaylistText;
}

/**
 * One pool as HLS: segments cut from what enters its ring, in a window that players can go back in. All work is done once,
 * however many ask.
 */
export class Packager implements HlsOrigin {
  readonly #options: PackagerOptions;
  readonly #clock: Clock;
  readonly #cutter: SegmentCutter;
  readonly #waiters: Waiters;
  readonly closed: Promise<void>;
  #setClosed: () => void = () => {};
  #numbered: Numbered;
  #wall: MediaWallClock;
  #tap: Tap | undefined;
  /** What the ring held is being cut: nobody knows yet how far behind it is. */
  #pending: CutSegment[] | undefined = [];
  #resume: HlsResume | undefined;
  #first: (FirstNumbers & { readonly goesOn: boolean }) | undefined;
  #targetDurationS: number | undefined;
  /** Somebody who reloads at intervals has had a playlist: from now on all are answered at once. */
  #hasBegun = false;
  #ended = false;
  #failure: StreampoolError | undefined;
  #isClosed = false;
  #askedMs: number;
  #cancelIdle: () => void = () => {};
  #segmentsCut = 0;
  #discontinuities = 0;
  readonly #answered = { playlists: 0, media: 0, mediaBytes: 0 };

  constructor(options: PackagerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#askedMs = this.#clock.now();
    this.#resume = options.resume;
    this.#waiters = new Waiters(this.#clock);
    this.#wall = new MediaWallClock(options.resume?.endMs);
    this.#numbered = this.#begin();
    this.closed = new Promise((resolve) => {
      this.#setClosed = resolve;
    });
    const { segmentMs, partMs } = options.settings;
    this.#cutter = new SegmentCutter({
      segmentMs,
      partMs,
      limitMs: () => this.#limitMs,
      // Somebody waits for the first playlist: its first segment is a short one. No further one is, since players begin three
      // segments from the end, however short. What the ring held begins likewise: FFmpeg's first keyframes are set for that.
      hurried: () =>
        this.#pending
          ? this.#pending.length === 0
          : this.#numbered.window.nextIndex === 0 && this.#waiters.size > 0,
      onOpened: () => {},
      onPart: () => this.#changed(),
      onClosed: (segment) => {
        this.#segmentsCut += 1;
        if (segment.discontinuity) this.#discontinuities += 1;
        if (this.#pending) this.#pending.push(segment);
        else this.#publish(segment, segment.durationMs);
      },
    });
    this.#watchIdle();
    void this.#open();
  }

  async answer(request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    this.#askedMs = this.#clock.now();
    this.#heed(request.resume);
    if (this.#failure) throw this.#failure;
    try {
      return await this.#answer(request, signal);
    } finally {
      // Whoever was kept waiting asks for what the answer names only now.
      this.#askedMs = this.#clock.now();
    }
  }

  async #answer({ path, query }: HlsRequest, signal: AbortSignal): Promise<HlsAnswer> {
    const resource = resourceAt(path);
    switch (resource?.kind) {
      case 'playlist':
        return this.#playlist(query, signal);
      case 'segment':
        return this.#media(this.#shelved(resource.mediaSequence));
      case 'part':
        return this.#media(await this.#part(resource.mediaSequence, resource.part, signal));
      default:
        throw new StreampoolError('NOT_FOUND', 'the stream has nothing of this name');
    }
  }

  close(): Promise<void> {
    this.#shut(new StreampoolError('STREAM_STOPPED', 'the stream is delivered as HLS no more'));
    return this.closed;
  }

  snapshot(): PackagerSnapshot {
    const { window, shelf } = this.#numbered;
    const { mediaSequence, discontinuitySequence } = this.#progress(false) ?? {};
    return {
      streamId: this.#options.streamId,
      segments: window.listed.length,
      keptSegments: window.keptSegments,
      ...shelf.snapshot,
      windowMs: window.durationMs,
      mediaSequence,
      discontinuitySequence,
      targetDurationMs: this.#targetDurationS === undefined ? undefined : this.#targetDurationS * 1000,
      segmentsCut: this.#segmentsCut,
      discontinuities: this.#discontinuities,
      playlistsAnswered: this.#answered.playlists,
      mediaAnswered: this.#answered.media,
      mediaBytesAnswered: this.#answered.mediaBytes,
    };
  }

  /** No segment is longer. */
  get #limitMs(): number {
    const decidedS = this.#targetDurationS ?? this.#resume?.targetDurationS;
    return decidedS === undefined
      ? Math.max(FIRST_LIMIT_MS, this.#options.settings.segmentMs * 1.5)
      : longestOf(decidedS);
  }

  #begin(): Numbered {
    const { streamId, settings, storage } = this.#options;
    const shelf = storage.open({
      streamId,
      hotSegments: HOT_SEGMENTS,
      onLost: (index) => {
        window.lose(index);
        this.#changed();
      },
    });
    const window = new LiveWindow({
      windowMs: () => Math.max(settings.windowMs, LEAST_WINDOW * this.#limitMs),
      onGone: (index) => shelf.remove(index),
    });
    return { window, shelf, text: new PlaylistText() };
  }

  async #open(): Promise<void> {
    try {
      const tap = await this.#options.tap({
        run: (run) => {
          if (!this.#isClosed) this.#cutter.run(run);
        },
        ended: (end) => this.#onEnded(end),
      });
      if (this.#isClosed) tap.close();
      else this.#tap = tap;
    } catch (error) {
      this.#shut(
        isStreampoolError(error)
          ? error
          : new StreampoolError('INTERNAL', 'the stream cannot be read', { cause: error }),
      );
    }
    this.#publishPending();
  }

  #publishPending(): void {
    const pending = this.#pending ?? [];
    this.#pending = undefined;
    let behindMs = pending.reduce((sum, { durationMs }) => sum + durationMs, this.#cutter.openMs);
    for (const segment of pending) {
      if (!this.#isKnown(behindMs - segment.durationMs)) this.#publish(segment, behindMs);
      behindMs -= segment.durationMs;
    }
  }

  /**
   * Whether players had it from an earlier owner, while this ring was fed by that one. Clocks of hosts differ: at worst players
   * miss, or see again, what this ring holds of a few seconds.
   */
  #isKnown(endsBehindMs: number): boolean {
    const { endMs } = this.#options.resume ?? {};
    const isFirst = this.#numbered.window.nextIndex === 0;
    return isFirst && endMs !== undefined && this.#clock.wallNow() - endsBehindMs <= endMs;
  }

  #publish(segment: CutSegment, behindMs: number): void {
    if (this.#isClosed) return;
    const { window, shelf } = this.#numbered;
    const { durationMs, independent, discontinuity, parts, bytes } = segment;
    const wallMs = this.#wall.place(durationMs, {
      nowMs: this.#clock.wallNow(),
      behindMs,
      isNew: discontinuity || window.nextIndex === 0,
    });
    shelf.put(window.nextIndex, bytes);
    window.add({ durationMs, independent, discontinuity, parts, wallMs }, this.#clock.now());
    this.#changed();
  }

  #changed(): void {
    const { window, text } = this.#numbered;
    text.changed(window.listed[0]?.index ?? 0);
    this.#waiters.look();
  }

  #onEnded({ reason, error }: TapEnd): void {
    this.#tap = undefined;
    if (this.#isClosed) return;
    this.#cutter.end();
    this.#publishPending();
    if (reason === 'ended' && this.#numbered.window.listed.length > 0) {
      this.#ended = true;
      this.#changed();
    } else
      this.#shut(error ?? new StreampoolError('STREAM_FAILED', 'the stream ended before its first picture'));
  }

  /** What is known of an earlier owner may come with any request. */
  #heed(resume: HlsResume | undefined): void {
    if (!resume || (this.#resume && resume.mediaSequence <= this.#resume.mediaSequence)) return;
    if (this.#first) {
      // Of our own last segment, or of the one after, whose parts are known.
      if (resume.mediaSequence <= this.#first.mediaSequence + this.#numbered.window.nextIndex) return;
      this.#numbered.shelf.close();
      this.#numbered = this.#begin();
      this.#first = undefined;
    }
    this.#resume = resume;
  }

  async #playlist(query: URLSearchParams, signal: AbortSignal): Promise<HlsAnswer> {
    const { settings, lowLatency = false } = this.#options;
    const wanted = readPlaylistRequest(query, lowLatency);
    const untilMs = this.#clock.now() + HELD_BACK_FOR * settings.startTimeoutMs;
    const hasSegment = (): boolean => this.#numbered.window.listed.length > 0;
    if (!(await this.#waiters.until(hasSegment, settings.startTimeoutMs, signal)))
      throw new StreampoolError(
        'STREAM_START_TIMEOUT',
        `no segment within ${settings.startTimeoutMs / 1000} s`,
      );
    // Players of low-latency HLS are at the live end by themselves, and know when what comes next is there.
    if (!wanted.lowLatency) {
      await this.#waiters.until(() => this.#isEnough(), Math.max(0, untilMs - this.#clock.now()), signal);
      this.#hasBegun = true;
    }
    this.#fix();
    if (wanted.until) await this.#reach(wanted.until, signal);
    this.#answered.playlists += 1;
    const { window, text } = this.#numbered;
    const body = text.of(wanted, {
      listed: window.listed,
      durationMs: window.durationMs,
      independent: window.independent,
      first: this.#first!,
      goesOn: this.#first!.goesOn,
      targetDurationS: this.#targetDurationS!,
      partTargetMs: this.#cutter.partTargetMs,
      open: this.#cutter.open,
      openWallMs: this.#wall.endMs,
      nextIndex: window.nextIndex,
      ended: this.#ended,
    });
    const targetDurationMs = this.#targetDurationS! * 1000;
    const progress = this.#progress(wanted.lowLatency);
    return {
      status: 200,
      kind: 'playlist',
      contentType: PLAYLIST_TYPE,
      maxAgeMs: wanted.until ? SHARED_MS : wanted.lowLatency ? settings.partMs / 4 : targetDurationMs / 8,
      body,
      targetDurationMs,
      ...(progress && { progress }),
    };
  }

  /** From the first playlist on these stay as they are. */
  #fix(): void {
    const { window } = this.#numbered;
    this.#first ??= {
      ...firstNumbers(this.#resume, this.#clock.wallNow()),
      goesOn: this.#resume !== undefined,
    };
    this.#targetDurationS ??= this.#decideTarget();
    if (window.listed.length === 0) throw new StreampoolError('INTERNAL', 'a playlist without segments');
  }

  /** What the target duration would be now. What an earlier owner said stays, unless it would cut every GOP. */
  #decideTarget(): number {
    const { gopMs, openMs } = this.#cutter;
    const longestMs = Math.max(openMs, this.#cutter.longestMs);
    const former = this.#resume?.targetDurationS ?? 0;
    if (former > 0 && longestOf(former) >= Math.max(gopMs, longestMs)) return former;
    return targetDuration(this.#options.settings.segmentMs, { gopMs, longestMs });
  }

  /**
   * Whether somebody who begins with the oldest segment is far enough behind. That the newest has only begun to come does not
   * matter: it is there when it is wanted. Players of an earlier owner's have begun already.
   */
  #isEnough(): boolean {
    const { listed, durationMs } = this.#numbered.window;
    if (this.#hasBegun || this.#ended || this.#resume || listed[0]?.index !== 0) return true;
    const { gopMs, longestMs, openMs } = this.#cutter;
    const targetDurationS = this.#targetDurationS ?? this.#decideTarget();
    const { segmentMs } = this.#options.settings;
    return durationMs + openMs >= startDistance(segmentMs, { gopMs, longestMs, targetDurationS });
  }

  #progress(withParts: boolean): HlsResume | undefined {
    const { window } = this.#numbered;
    const newest = window.listed.at(-1);
    if (!newest || !this.#first || this.#targetDurationS === undefined) return undefined;
    const open = withParts && !this.#ended ? this.#cutter.open : undefined;
    const isNamed = open !== undefined && open.parts.length > 0;
    return {
      mediaSequence: this.#first.mediaSequence + newest.index + (isNamed ? 1 : 0),
      discontinuitySequence:
        this.#first.discontinuitySequence + newest.discontinuities + (isNamed && open.discontinuity ? 1 : 0),
      endMs: Math.round(
        newest.wallMs +
          newest.durationMs +
          (isNamed ? open.parts.reduce((sum, { durationMs }) => sum + durationMs, 0) : 0),
      ),
      targetDurationS: this.#targetDurationS,
    };
  }

  /** Waits for a blocking reload's segment or part. The playlist is answered as it is, if that does not come. */
  async #reach(
    { mediaSequence, part }: { mediaSequence: number; part?: number },
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#ended) return;
    const next = (): number => this.#first!.mediaSequence + this.#numbered.window.nextIndex;
    if (mediaSequence > next() - 1 + AHEAD)
      throw new StreampoolError('INVALID_REQUEST', `segment ${mediaSequence} is too far ahead`);
    const isThere = (): boolean => {
      if (this.#ended || !this.#first || mediaSequence < next()) return true;
      return mediaSequence === next() && part !== undefined && part < (this.#cutter.open?.parts.length ?? 0);
    };
    await this.#waiters.until(isThere, BLOCK_FOR * 1000 * this.#targetDurationS!, signal);
    // Everything may have begun anew meanwhile.
    if (!this.#first || this.#numbered.window.listed.length === 0)
      throw new StreampoolError('STREAM_START_TIMEOUT', 'there is no segment yet');
  }

  #shelved(mediaSequence: number): Buffer | HlsBody {
    const body = this.#first && this.#numbered.shelf.get(mediaSequence - this.#first.mediaSequence);
    if (!body) throw new StreampoolError('NOT_FOUND', 'the segment is not there, or no longer');
    return body;
  }

  /** The part that comes next is waited for: playlists name it beforehand. */
  async #part(mediaSequence: number, part: number, signal: AbortSignal): Promise<Buffer> {
    const first = this.#first;
    const missing = new StreampoolError('NOT_FOUND', 'the part is not there, or no longer');
    if (!first) throw missing;
    const next = (): number => first.mediaSequence + this.#numbered.window.nextIndex;
    const open = (): number => this.#cutter.open?.parts.length ?? 0;
    if (mediaSequence === next() && part === open() && !this.#ended)
      await this.#waiters.until(
        () => this.#first !== first || mediaSequence < next() || part < open() || this.#ended,
        BLOCK_FOR * 1000 * this.#targetDurationS!,
        signal,
      );
    if (this.#first !== first) throw missing;
    if (mediaSequence === next()) {
      const segment = this.#cutter.open;
      const cut = segment?.parts[part];
      if (!segment || !cut) throw missing;
      return segment.bytesOf(cut);
    }
    const index = mediaSequence - first.mediaSequence;
    const { window, shelf } = this.#numbered;
    const { listed } = window;
    const cut = listed[index - (listed[0]?.index ?? 0)]?.parts[part];
    const body = cut && shelf.get(index);
    if (!cut || !body) throw missing;
    return (await bytesOf(body)).subarray(cut.from, cut.to);
  }

  #media(body: Buffer | HlsBody): HlsAnswer {
    this.#answered.media += 1;
    this.#answered.mediaBytes += body.length ?? 0;
    const maxAgeMs = this.#options.settings.windowMs;
    return { status: 200, kind: 'media', contentType: SEGMENT_TYPE, maxAgeMs, body };
  }

  #watchIdle(): void {
    const { idleMs: leastMs } = this.#options.settings;
    const look = (): void => {
      // Players ask for the playlist once per target duration, or hardly less often.
      const idleMs = Math.max(leastMs, PATIENT_FOR * 1000 * (this.#targetDurationS ?? 0));
      const silentMs = this.#clock.now() - this.#askedMs;
      const isWaitedFor = this.#waiters.size > 0;
      if (silentMs >= idleMs && !isWaitedFor)
        this.#shut(new StreampoolError('STREAM_STOPPED', 'nobody has asked for a while'));
      else this.#cancelIdle = this.#clock.after(Math.max(1, isWaitedFor ? idleMs : idleMs - silentMs), look);
    };
    this.#cancelIdle = this.#clock.after(leastMs, look);
  }

  #shut(error: StreampoolError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#failure = error;
    this.#cancelIdle();
    this.#tap?.close();
    this.#tap = undefined;
    this.#waiters.fail(error);
    this.#numbered.shelf.close();
    this.#setClosed();
  }
}

async function bytesOf(body: Buffer | HlsBody): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body;
  const chunks: Buffer[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
