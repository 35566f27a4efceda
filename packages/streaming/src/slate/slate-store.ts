import { StreampoolError } from '@streampool/errors';
import { decodeBytes, encodeBytes } from '@streampool/ffmpeg';
import type { ProgramMap } from '@streampool/mpegts';
import {
  audioKey,
  describeArgs,
  formatKey,
  type MediaFormat,
  mediaStreams,
  parseFormat,
} from './media-format.ts';
import { type Slate, slateOf } from './slate.ts';
import { canEncode, slateArgs } from './slate-command.ts';
import { findFont } from './slate-picture.ts';

export interface SlateStoreOptions {
  readonly ffmpegPath: string;
  /** All slates together; those that were not asked for the longest are forgotten. Default 32 MB. */
  readonly budgetBytes?: number;
  /** Samples that may wait, in bytes; then it is busy. Default 16 MB. */
  readonly queueBytes?: number;
  /** The longest that FFmpeg may take for a slate, in ms; large HEVC pictures take long. Default 2 min. */
  readonly deadlineMs?: number;
  /** Told of what cannot be had. */
  readonly onFailed?: (error: StreampoolError, format: string) => void;
  /** Monotonic, ms. */
  readonly now?: () => number;
  /** Ready-made for tests. */
  readonly describe?: (sample: Buffer, program: ProgramMap) => Promise<MediaFormat>;
  readonly make?: (format: MediaFormat) => Promise<Slate>;
}

/** A slate, and which of its tracks goes with which audio PID of the program it was asked for. */
export interface FittingSlate {
  readonly slate: Slate;
  /** `audioKey` of each audio PID that the slate has sound for. */
  readonly audio: ReadonlyMap<number, string>;
}

const BUDGET_BYTES = 32 * 1024 * 1024;
const QUEUE_BYTES = 16 * 1024 * 1024;
const DEADLINE_MS = 120_000;
/** A missing encoder stays missing, but a machine is not busy for ever. */
const RETRY_AFTER_MS = 10 * 60_000;
const DESCRIBE_DEADLINE_MS = 15_000;
/** More than any slate has: seconds of a still picture. */
const MAX_SLATE_BYTES = 16 * 1024 * 1024;
const MAX_DESCRIPTION_BYTES = 64 * 1024;

/**
 * The slates of a process, one per codec set, made by FFmpeg when the first stream of that kind plays and kept in memory.
 * One FFmpeg at a time, at the lowest priority: nobody waits for it as long as the streams are healthy.
 */
export class SlateStore {
  readonly #options: SlateStoreOptions;
  /** In the order of their last use. */
  readonly #slates = new Map<string, Promise<Slate | undefined>>();
  readonly #sizes = new Map<string, number>();
  readonly #failedMs = new Map<string, number>();
  readonly #abort = new AbortController();
  #queue: Promise<unknown> = Promise.resolve();
  #queuedBytes = 0;

  constructor(options: SlateStoreOptions) {
    this.#options = options;
  }

  /** Bytes of all slates held. */
  get bytes(): number {
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Too many samples wait, of streams that have just started: better to come back than to add to them. */
  get isBusy(): boolean {
    return this.#queuedBytes >= (this.#options.queueBytes ?? QUEUE_BYTES);
  }

  /**
   * The slate for a program as it plays, made if need be. Undefined if it cannot be made. Never rejects.
   * @param sample transport packets of the program: its tables, and a second or so from a keyframe on
   */
  async find(sample: Buffer, program: ProgramMap): Promise<FittingSlate | undefined> {
    try {
      const format = await this.#ask(sample, program);
      const wanted = encodable(format);
      if (!wanted) throw new StreampoolError('FFMPEG_FAILED', 'there is no encoder for this picture');
      const slate = await this.#slateOf(wanted);
      if (!slate) return undefined;
      const pids = mediaStreams(program).audio.map(({ pid }) => pid);
      const audio = format.audio.map((track, index) => [pids[index]!, audioKey(track)] as const);
      return { slate, audio: new Map(audio.filter(([, key]) => slate.audio.has(key))) };
    } catch (error) {
      this.#report(error, 'unknown');
      return undefined;
    }
  }

  /** Idempotent. Resolves when no FFmpeg of the store is left. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#queue;
    this.#slates.clear();
    this.#sizes.clear();
  }

  async #ask(sample: Buffer, program: ProgramMap): Promise<MediaFormat> {
    this.#queuedBytes += sample.length;
    try {
      return await this.#inTurn(() => this.#describe(sample, program));
    } finally {
      this.#queuedBytes -= sample.length;
    }
  }

  #now(): number {
    return (this.#options.now ?? performance.now.bind(performance))();
  }

  #slateOf(format: MediaFormat): Promise<Slate | undefined> {
    const key = formatKey(format);
    if (this.#now() - (this.#failedMs.get(key) ?? Number.POSITIVE_INFINITY) > RETRY_AFTER_MS) {
      this.#failedMs.delete(key);
      this.#slates.delete(key);
    }
    const known = this.#slates.get(key);
    if (known) {
      this.#slates.delete(key);
      this.#slates.set(key, known);
      return known;
    }
    const slate = this.#inTurn(() => this.#make(format)).then(
      (made) => {
        this.#sizes.set(key, made.bytes);
        this.#forgetOldest();
        return made;
      },
      (error: unknown) => {
        this.#failedMs.set(key, this.#now());
        this.#report(error, key);
        return undefined;
      },
    );
    this.#slates.set(key, slate);
    return slate;
  }

  #forgetOldest(): void {
    const { budgetBytes = BUDGET_BYTES } = this.#options;
    for (const key of [...this.#slates.keys()]) {
      if (this.bytes <= budgetBytes) return;
      if (this.#sizes.delete(key)) this.#slates.delete(key);
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(() => {
      this.#abort.signal.throwIfAborted();
      return work();
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #describe(sample: Buffer, program: ProgramMap): Promise<MediaFormat> {
    const { describe, ffmpegPath } = this.#options;
    if (describe) return await describe(sample, program);
    const { video, audio } = mediaStreams(program);
    const streams = [...(video ? [video] : []), ...audio];
    const description = await decodeBytes({
      ...{ ffmpegPath, input: sample, args: describeArgs(streams) },
      maxOutputBytes: MAX_DESCRIPTION_BYTES,
      deadlineMs: DESCRIBE_DEADLINE_MS,
      signal: this.#abort.signal,
    });
    const format = parseFormat(description.toString('latin1'), streams);
    if (!format) throw new StreampoolError('FFMPEG_FAILED', 'FFmpeg does not say what is in the stream');
    return format;
  }

  async #make(format: MediaFormat): Promise<Slate> {
    const { make, ffmpegPath, deadlineMs = DEADLINE_MS } = this.#options;
    if (make) return await make(format);
    const encode = async (font?: string): Promise<Buffer> =>
      await encodeBytes({
        ...{ ffmpegPath, args: slateArgs(format, font), deadlineMs },
        maxOutputBytes: MAX_SLATE_BYTES,
        signal: this.#abort.signal,
      });
    const font = format.video && findFont();
    const packets = await encode(font).catch((error: unknown) => {
      // An FFmpeg without the library that draws text.
      if (font === undefined || this.#abort.signal.aborted) throw error;
      return encode();
    });
    return slateOf(packets, format);
  }

  #report(error: unknown, format: string): void {
    if (this.#abort.signal.aborted) return;
    const told =
      error instanceof StreampoolError
        ? error
        : new StreampoolError('INTERNAL', (error as Error).message, { cause: error });
    this.#options.onFailed?.(told, format);
  }
}

/** What of it can be made; no slate without the picture. Equal tracks are made once. */
function encodable({ video, audio }: MediaFormat): MediaFormat | undefined {
  if (video && !canEncode(video)) return undefined;
  const tracks = new Map(audio.filter(canEncode).map((track) => [audioKey(track), track]));
  if (!video && tracks.size === 0) return undefined;
  return { ...(video && { video }), audio: [...tracks.values()] };
}
