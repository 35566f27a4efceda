import {
  clockDelay,
  mainStream,
  type OutputMarks,
  type ProgramMap,
  type SplicerFeed,
  TICKS_PER_SECOND,
  type TsSplicer,
} from '@streampool/mpegts';
import type { Clock } from '../clock.ts';
import type { Ring } from '../ring.ts';
import { SampleTaker } from '../sample-taker.ts';
import { mediaStreams } from './media-format.ts';
import { type ReelTrack, SlateReel } from './slate-reel.ts';
import type { FittingSlate, SlateStore } from './slate-store.ts';

export interface SlateFillerOptions {
  readonly store: Pick<SlateStore, 'find' | 'isBusy'>;
  /** After how long without a byte the slate is shown, in ms. */
  readonly afterMs: number;
  /** False where the slate is another node's affair. */
  readonly mayShow: () => boolean;
  /** The source that played is gone. */
  readonly isLost: () => boolean;
  /** How much of what went out is not due yet, in ms; negative where more is due than has come. */
  readonly aheadMs: () => number;
  readonly onShown: () => void;
  readonly onEnded: (shownMs: number) => void;
}

export interface SlatePlace {
  readonly splicer: Pick<TsSplicer, 'open' | 'program'>;
  readonly ring: Ring;
  readonly clock: Clock;
}

/** How often the slate is added to. */
const INTERVAL_MS = 40;
/** How often it is asked again whether it may be shown. */
const ASK_AGAIN_MS = 100;
const NO_DELAY_TICKS = TICKS_PER_SECOND / 2;
/** The clock may be this far before the media, and no more: the rest is a mistake of the source. */
const LONGEST_DELAY_TICKS = 3 * TICKS_PER_SECOND;

/**
 * Fills the gaps of one output with a slate: learns from the healthy output what it has to look like, and when nothing has
 * gone out for a while, plays it through the same splicer as every source, in real time, until a source takes over again
 * at its own keyframe. To viewers it is one more source.
 */
export class SlateFiller {
  readonly #options: SlateFillerOptions;
  readonly #place: SlatePlace;
  readonly #taker: SampleTaker;
  #found:
    | { readonly fitting: FittingSlate; readonly program: ProgramMap; readonly delayTicks: number }
    | undefined;
  /** Of what is being learnt: what an earlier sample says counts no more. */
  #generation = 0;
  #lastOutputMs: number | undefined;
  #show: { readonly feed: SplicerFeed; readonly reel: SlateReel; readonly startedMs: number } | undefined;
  /** What goes out now is the slate's. */
  #isPushing = false;
  #cancel: () => void = () => {};
  #isClosed = false;
  #shownMs = 0;
  #isTold = false;

  constructor(options: SlateFillerOptions, place: SlatePlace) {
    this.#options = options;
    this.#place = place;
    this.#taker = new SampleTaker(place.ring);
  }

  /** The slate is what viewers see. */
  get isShown(): boolean {
    return this.#show?.feed.active ?? false;
  }

  /** While it is handed to the splicer: what comes out is no source's. */
  get isPushing(): boolean {
    return this.#isPushing;
  }

  /** Ms for which a slate was shown, all gaps together. */
  get shownMs(): number {
    return this.#shownMs + (this.#show ? this.#place.clock.now() - this.#show.startedMs : 0);
  }

  /** A source's packets have gone out (they are in the ring already). */
  noteOutput(marks: OutputMarks): void {
    if (this.#isClosed) return;
    const now = this.#place.clock.now();
    this.#endShow(now);
    const isFirst = this.#lastOutputMs === undefined;
    this.#lastOutputMs = now;
    if (isFirst) this.#watch(this.#options.afterMs);
    if (marks.program || marks.seam?.reason === 'source') this.#taker.restart();
    const sample = this.#options.store.isBusy ? undefined : this.#taker.note(marks, now);
    if (sample) void this.#learn(sample);
  }

  /** Idempotent. Nothing is shown any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#generation += 1;
    this.#cancel();
    this.#endShow(this.#place.clock.now());
  }

  async #learn(sample: Buffer): Promise<void> {
    const { program } = this.#place.splicer;
    if (!program) return;
    const generation = ++this.#generation;
    const main = mainStream(program)?.pid ?? -1;
    const delay = clockDelay(sample, main, program.pcrPid);
    const delayTicks = delay === undefined || delay > LONGEST_DELAY_TICKS ? NO_DELAY_TICKS : delay;
    const fitting = await this.#options.store.find(sample, program);
    if (generation === this.#generation) this.#found = fitting && { fitting, program, delayTicks };
  }

  /** Looks again when the time could be up at the earliest, so that output need not re-arm a timer. */
  #watch(ms: number): void {
    this.#cancel = this.#place.clock.after(Math.max(1, ms), () => {
      const { afterMs, isLost, aheadMs } = this.#options;
      const silentMs = this.#place.clock.now() - this.#lastOutputMs!;
      // A source that sends in bursts is silent in between, and is no worse for it.
      const isMissed = isLost() || -aheadMs() >= afterMs;
      if (silentMs < afterMs) this.#watch(afterMs - silentMs);
      else if (!isMissed || !this.#tryToShow()) this.#watch(ASK_AGAIN_MS);
    });
  }

  #tryToShow(): boolean {
    const { splicer, clock } = this.#place;
    const found = this.#found;
    const { program } = splicer;
    if (!found || !program || !this.#options.mayShow()) return false;
    const tracks = tracksOf(found.fitting, found.program, program);
    if (!tracks) return false;
    const reel = new SlateReel(program, tracks, found.delayTicks);
    this.#show = { feed: splicer.open(), reel, startedMs: clock.now() };
    this.#isTold = false;
    this.#play();
    return true;
  }

  #play(): void {
    const { clock } = this.#place;
    const show = this.#show;
    if (!show) return;
    // Not ahead of its time: the source after it would go on from there, and the output's clock run away, slate by slate.
    const dueTicks = ((clock.now() - show.startedMs) * TICKS_PER_SECOND) / 1_000;
    const packets = show.reel.playUntil(dueTicks + 1);
    this.#isPushing = true;
    try {
      show.feed.push(packets);
    } finally {
      this.#isPushing = false;
    }
    if (!this.#isTold && show.feed.active) {
      this.#isTold = true;
      this.#options.onShown();
      if (this.#show !== show) return;
    }
    this.#cancel = clock.after(INTERVAL_MS, () => this.#play());
  }

  /** A source is back, or all is over. */
  #endShow(nowMs: number): void {
    const show = this.#show;
    if (!show) return;
    this.#show = undefined;
    this.#cancel();
    show.feed.close();
    const shownMs = Math.round(nowMs - show.startedMs);
    this.#shownMs += shownMs;
    if (this.#isTold) this.#options.onEnded(shownMs);
    if (this.#isClosed) return;
    this.#lastOutputMs = nowMs;
    this.#watch(this.#options.afterMs);
  }
}

/** The slate's tracks on the PIDs of the program in force. Undefined if that is another one than the slate was made for. */
function tracksOf(
  { slate, audio }: FittingSlate,
  known: ProgramMap,
  now: ProgramMap,
): ReelTrack[] | undefined {
  const [before, after] = [mediaStreams(known), mediaStreams(now)];
  const same = (pid: number | undefined, codec: string | undefined, other: typeof before.video): boolean =>
    other?.pid === pid && other?.codec === codec;
  if (!same(before.video?.pid, before.video?.codec, after.video)) return undefined;
  const tracks: ReelTrack[] = [];
  if (after.video && slate.video) tracks.push({ pid: after.video.pid, track: slate.video, isMain: true });
  for (const stream of after.audio) {
    const isKnown = before.audio.some(({ pid, codec }) => same(pid, codec, stream));
    const track = slate.audio.get(audio.get(stream.pid) ?? '');
    if (isKnown && track) tracks.push({ pid: stream.pid, track, isMain: tracks.length === 0 });
  }
  return tracks.length > 0 ? tracks : undefined;
}
