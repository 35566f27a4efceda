import { StreampoolError } from '@streampool/errors';
import type { InputKind } from '@streampool/ffmpeg';
import { PacketAligner } from '@streampool/mpegts';
import type { Door, UpstreamClient, UpstreamTarget, UpstreamTimeouts } from '@streampool/upstream';
import type { ChainPolicy } from '../chain-options.ts';
import type { PoolChoice } from '../choice/pool-choice.ts';
import type { SourceList } from '../choice/source-list.ts';
import type { Clock } from '../clock.ts';
import { forAttempt } from '../connection-holder.ts';
import type { DeliveryClock } from '../delivery-clock.ts';
import type { MakeWatch } from '../detection/lane-watches.ts';
import { faultError, type SourceFaults } from '../drill/index.ts';
import { Intake } from '../intake.ts';
import type { FoundMedia } from '../media-finder.ts';
import type { StreamNote } from '../notes.ts';
import { type OpenedMedia, openMedia } from '../open-media.ts';
import type { RingOptions } from '../ring.ts';
import { SocketViewer } from '../socket-viewer.ts';
import type { Source } from '../source.ts';
import { asStreampoolError, UpstreamSource } from '../upstream-source.ts';
import { ArrivalLog } from './arrival-log.ts';
import { ReadTracks } from './read-tracks.ts';

/** The loopback door, as far as FFmpeg's input needs it. */
export type InputDoor = Pick<Door, 'open' | 'openSocket'>;

export interface TranscodeInputOptions {
  readonly sources: SourceList;
  /** The primary and the alternatives. */
  readonly alternatives: number;
  readonly choice?: PoolChoice;
  readonly client: UpstreamClient;
  readonly timeouts: UpstreamTimeouts;
  readonly policy: ChainPolicy;
  readonly ring: RingOptions;
  readonly paceMs: number;
  /** Looks whether providers are worth watching, where FFmpeg reads through the ring. */
  readonly watch?: MakeWatch;
  readonly door: InputDoor;
  readonly clock: Clock;
  /** Makes sources look broken, where somebody wants to see what happens. */
  readonly faults?: SourceFaults;
  /** Turns for FFmpeg as the reader of the ring: more frequent than a viewer's, since its delay adds to theirs. */
  readonly delivery: DeliveryClock;
  /** The provider was lost, or another one took over, behind FFmpeg's back. */
  readonly events: {
    lost(error: StreampoolError): void;
    noted(note: StreamNote): void;
    recovered(info: { gapMs: number; index: number; reason: string }): void;
    /** What goes out now has other tracks than FFmpeg has opened: only another FFmpeg can read it. */
    tracksChanged?(): void;
  };
}

/** An input that FFmpeg can read now. */
export interface PreparedInput {
  readonly url: string;
  /** What FFmpeg can be told about it, so that it need not probe. */
  readonly kind: InputKind;
  /** What went wrong at the provider since this was opened, if anything. */
  readonly failure: () => StreampoolError | undefined;
  /** True once the content has been read to its proper end. */
  readonly isComplete: () => boolean;
  close(): Promise<void>;
}

/** Given at once, since FFmpeg looks at this much before it begins. */
const HEAD_START_MS = 60;
/** As much less than the ring keeps is the furthest that FFmpeg may be behind. */
const KEPT_MS = 500;

/**
 * What FFmpeg reads. A continuous transport stream goes through a ring of its own: FFmpeg starts at a keyframe already
 * there, a restarted FFmpeg need not ask the provider again, and a provider that is cut is replaced, spliced, without
 * FFmpeg noticing. Files and playlists are read through the door, where FFmpeg seeks and asks as it likes.
 */
export class TranscodeInput {
  readonly #options: TranscodeInputOptions;
  readonly #abort = new AbortController();
  #index = 0;
  #intake: Intake | undefined;
  #intakeFailure: StreampoolError | undefined;
  #intakeEnded = false;
  /** Provider connections of former intakes, opened after their first. */
  #formerRestarts = 0;
  #recoveredMs = Number.NEGATIVE_INFINITY;
  /** When a silence of the provider ended that it got over by itself. */
  #fedAgainMs = Number.NEGATIVE_INFINITY;
  #arrivals: ArrivalLog | undefined;
  /** Some FFmpeg has read from the ring. */
  #hasFed = false;
  readonly #readers = new Set<SocketViewer>();
  readonly #tracks = new ReadTracks();
  #lastError: string | undefined;
  #releasing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: TranscodeInputOptions) {
    this.#options = options;
  }

  /** 0 is the primary. */
  get index(): number {
    return this.#intake?.index ?? this.#index;
  }

  /** Provider connections opened after the first. */
  get restarts(): number {
    return this.#formerRestarts + (this.#intake?.restarts ?? 0);
  }

  get lastError(): string | undefined {
    return this.#intake?.lastError?.message ?? this.#lastError;
  }

  /** What the provider sends, where FFmpeg reads it through the ring. */
  get media(): FoundMedia | undefined {
    return this.#intake?.media;
  }

  /** See `Source.hungryUntilMs`. Of a file or a playlist, which FFmpeg reads as it likes, nothing is known. */
  get hungryUntilMs(): number {
    if (!this.#intake || this.#intake.isSwitching) return Number.POSITIVE_INFINITY;
    return Math.max(this.#recoveredMs, this.#fedAgainMs);
  }

  /** The provider's connection stands, or is being restored: an FFmpeg that starts asks nobody. */
  get isRunning(): boolean {
    return this.#intake !== undefined && !this.#intakeFailure && !this.#intakeEnded;
  }

  /** Treats the provider's stream as if its detectors had found this. */
  report(error: StreampoolError): void {
    this.#intake?.report(error);
  }

  /** FFmpeg reads files and playlists as it likes: nobody else sees what comes. */
  get isReadAlone(): boolean {
    return this.#intake === undefined;
  }

  /** FFmpeg has nothing to read, and that is not its fault. */
  get starved(): boolean {
    if (!this.#intake) return false;
    return (
      !this.#intake.isJoinable ||
      this.#intake.isSwitching ||
      this.#options.clock.now() - this.#recoveredMs < 2_000
    );
  }

  /**
   * What runs is kept, whatever the index says: it has its own way through the alternatives.
   * @param index of the target to open where nothing runs
   * @throws StreampoolError why that cannot be opened
   */
  async prepare(index: number): Promise<PreparedInput> {
    if (this.#intake && !this.#intakeFailure && !this.#intakeEnded) return this.#feed(this.#intake);
    this.release();
    await this.#releasing;
    this.#index = index;
    const fault = this.#options.faults?.of(index);
    if (fault) throw faultError(fault === 'stall' ? 'cut' : fault);
    try {
      return await this.#prepare(this.#options.sources.at(index));
    } catch (error) {
      const failure = asStreampoolError(error);
      this.#lastError = failure.message;
      throw failure;
    }
  }

  /**
   * Changes over to that target at a keyframe, without FFmpeg noticing. False where FFmpeg reads its input itself.
   * @throws StreampoolError why it cannot be played: then everything is as it was
   */
  async replace({ reason, index }: { reason: string; index: number }): Promise<boolean> {
    const intake = this.#intake;
    if (!intake || this.#intakeFailure || this.#intakeEnded) return false;
    await intake.replace({ reason, index });
    return true;
  }

  /**
   * Gives the provider's connection up for now; FFmpeg must have gone. The next `prepare` opens another one, when this
   * one is really closed. Idempotent.
   */
  release(): void {
    const intake = this.#intake;
    if (!intake) return;
    this.#lastError = intake.lastError?.message ?? this.#lastError;
    this.#formerRestarts += intake.restarts;
    this.#index = intake.index;
    this.#intake = undefined;
    this.#hasFed = false;
    this.#releasing = Promise.all([this.#releasing, intake.close()]);
  }

  /** Idempotent. Resolves when the provider's connection is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#abort.abort();
    for (const reader of this.#readers) this.#endReader(reader);
    this.release();
    await this.#releasing;
  }

  async #prepare(target: UpstreamTarget): Promise<PreparedInput> {
    const { client, timeouts, paceMs } = this.#options;
    const media = await openMedia(client, target, { timeouts, paceMs, signal: this.#abort.signal });
    const { response, body } = media;
    if (!this.#closed && isTransportStream(body.start)) return this.#throughRing(media);
    // FFmpeg will ask for it again, at the places it likes; the provider must not see two connections.
    response.close();
    await response.closed;
    if (this.#closed) throw new StreampoolError('STREAM_STOPPED', 'The stream was stopped');
    return this.#throughDoor(target);
  }

  #throughDoor(target: UpstreamTarget): PreparedInput {
    let failure: StreampoolError | undefined;
    let bytesBefore = 0;
    const opening = this.#options.door.open(target, {
      onError: (error) => {
        failure = error;
        bytesBefore = opening.stats.bytes;
        this.#lastError = error.message;
      },
    });
    // A missing segment in the middle of a film explains nothing once FFmpeg has read on.
    const unanswered = () => (opening.stats.bytes > bytesBefore ? undefined : failure);
    return {
      url: opening.url,
      kind: 'other',
      failure: unanswered,
      isComplete: () => unanswered() === undefined,
      close: () => opening.close(),
    };
  }

  #throughRing(media: OpenedMedia): PreparedInput {
    const { sources, alternatives, choice, faults, client, timeouts, paceMs, policy, ring, clock } =
      this.#options;
    const arrivals = new ArrivalLog(ring.retainMs);
    let adopted: OpenedMedia | undefined = media;
    this.#intakeFailure = undefined;
    this.#intakeEnded = false;
    const intake = new Intake({
      alternatives,
      first: this.#index,
      ...(choice && { choice }),
      policy,
      ring: { ...ring, onAppend: (head, nowMs) => arrivals.note(head, nowMs) },
      ...(this.#options.watch && { watch: this.#options.watch }),
      clock,
      open: (attempt) => {
        const opened = adopted;
        adopted = undefined;
        const target = forAttempt(sources.at(attempt.index), attempt);
        const { fresh, beside, index } = attempt;
        const source = (): Source => {
          choice?.begin(attempt);
          return new UpstreamSource({
            client,
            target,
            timeouts,
            paceMs,
            fresh,
            beside,
            ...(opened ? { opened } : {}),
          });
        };
        return faults?.wrap({ index, open: source, onBroken: () => choice?.dropped(attempt) }) ?? source();
      },
      events: {
        joinable: () => {
          this.#tracks.see(intake.program);
          for (const reader of this.#readers) reader.deliver(clock.now());
        },
        progress: () => {},
        lost: (error) => this.#options.events.lost(error),
        noted: (note) => {
          if (note.type === 'source_gap') this.#fedAgainMs = clock.now();
          this.#options.events.noted(note);
        },
        recovered: (info) => {
          this.#recoveredMs = clock.now();
          this.#options.events.recovered({ ...info, index: this.index });
          if (this.#tracks.fits(intake.program)) return;
          this.#tracks.open(intake.program);
          this.#options.events.tracksChanged?.();
        },
        ended: () => {
          this.#intakeEnded = true;
          for (const reader of [...this.#readers]) this.#finishReader(reader);
        },
        failed: (error) => {
          this.#intakeFailure = error;
          this.#endReaders();
        },
      },
    });
    this.#intake = intake;
    intake.start();
    this.#arrivals = arrivals;
    return this.#feed(intake);
  }

  /**
   * Another FFmpeg begins with the newest keyframe, which may be as old as a group of pictures is long. It is given what
   * follows at the pace at which it came: given all at once, its output would run ahead of the clock that players go by,
   * further with each restart. The first one has nobody before it to keep in step with, and is given all there is.
   */
  #paceOf(intake: Intake): ((nowMs: number) => number) | undefined {
    const arrivals = this.#arrivals;
    const point = intake.ring.newestAccessPoint();
    const cameMs = point && arrivals?.arrivedMs(point.offset);
    if (!this.#hasFed || !arrivals || cameMs === undefined) return undefined;
    const { clock, ring } = this.#options;
    const delayMs = Math.min(clock.now() - cameMs - HEAD_START_MS, ring.retainMs - KEPT_MS);
    return delayMs <= 0 ? undefined : (nowMs) => arrivals.headAt(nowMs - delayMs);
  }

  #feed(intake: Intake): PreparedInput {
    const { door, clock, delivery } = this.#options;
    const mine = new Set<SocketViewer>();
    const opening = door.openSocket((socket) => {
      const limit = this.#paceOf(intake);
      this.#hasFed = true;
      this.#tracks.open(intake.isJoinable ? intake.program : undefined);
      const reader = new SocketViewer({
        ring: intake.ring,
        ...(limit && { limit }),
        socket,
        // FFmpeg is slow when it is held back by its own viewers; its supervisor judges it, not its input.
        clientTimeoutMs: Number.POSITIVE_INFINITY,
        program: () => intake.program,
        now: () => clock.now(),
        onLeave: () => forget(reader),
      });
      this.#readers.add(reader);
      mine.add(reader);
      delivery.add(reader);
      reader.deliver(clock.now());
      if (this.#intakeFailure || this.#closed) this.#endReader(reader);
      else if (this.#intakeEnded) this.#finishReader(reader);
    });
    const forget = (reader: SocketViewer): void => {
      delivery.remove(reader);
      this.#readers.delete(reader);
      mine.delete(reader);
    };
    return {
      url: opening.url,
      kind: 'mpegts',
      failure: () => this.#intakeFailure,
      isComplete: () => this.#intakeEnded,
      close: () => {
        for (const reader of mine) this.#endReader(reader);
        return opening.close();
      },
    };
  }

  #endReaders(): void {
    for (const reader of [...this.#readers]) this.#endReader(reader);
  }

  /** FFmpeg may be seconds behind, held back by its own viewers: it still gets the rest. */
  #finishReader(reader: SocketViewer): void {
    reader.finish(this.#options.clock.now(), () => {
      this.#options.delivery.remove(reader);
      this.#readers.delete(reader);
    });
  }

  #endReader(reader: SocketViewer): void {
    reader.deliver(this.#options.clock.now());
    this.#options.delivery.remove(reader);
    this.#readers.delete(reader);
    reader.end();
  }
}

/** Whether these first bytes hold transport packets in a row. */
function isTransportStream(head: Buffer): boolean {
  const aligner = new PacketAligner();
  aligner.push(head);
  return aligner.synced;
}
