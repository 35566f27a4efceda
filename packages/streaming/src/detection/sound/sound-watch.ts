import { StreampoolError } from '@streampool/errors';
import { type ElementaryStream, PidExcerpt, type ProgramMap } from '@streampool/mpegts';
import type { SilenceSettings } from '../detection-settings.ts';
import type { SampleDecoder } from '../sample-decoder.ts';
import { mayBeSilence } from './information.ts';
import { peakOf, soundSample } from './sound-level.ts';

/** The highest rate of compressed audio that is kept for a sample. */
const MAX_BYTES_PER_SECOND = 256 * 1024;
/** Of the checks that find what looks like sound, one in so many is decoded all the same: hiss below the threshold looks so too. */
const DECODE_EVERY = 6;

export interface SoundWatchOptions {
  readonly decoder: Pick<SampleDecoder, 'decode'>;
  readonly onFault: (error: StreampoolError) => void;
}

/**
 * Finds a source whose sound is silent: every `checkIntervalMs` it keeps the audio of `durationMs`; where that could be
 * silence it is decoded, and silent if its loudest sample lies below the threshold. The first audio track is listened
 * to, which is the one players choose. A source without audio is never judged.
 */
export class SoundWatch {
  readonly #settings: SilenceSettings;
  readonly #options: SoundWatchOptions;
  readonly #abort = new AbortController();
  #program: ProgramMap | undefined;
  #audio: ElementaryStream | undefined;
  #excerpt: PidExcerpt | undefined;
  #nextCheckMs: number | undefined;
  #decoding = false;
  #silentChecks = 0;
  #undecodedChecks = 0;
  /** Checks in a row that had no answer (a codec FFmpeg lacks, too many streams): made ever more rarely. */
  #failures = 0;
  #generation = 0;

  constructor(settings: SilenceSettings, options: SoundWatchOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  program(map: ProgramMap): void {
    const audio = map.streams.find((stream) => stream.kind === 'audio');
    this.#program = map;
    if (audio?.pid === this.#audio?.pid && audio?.codec === this.#audio?.codec) return;
    this.#generation += 1;
    this.#audio = audio;
    this.#excerpt = undefined;
    this.#silentChecks = 0;
    this.#failures = 0;
  }

  /** Takes whole packets. */
  push(run: Buffer, nowMs: number): void {
    const { enabled, graceMs, checkIntervalMs, durationMs } = this.#settings;
    if (!enabled || this.#abort.signal.aborted) return;
    this.#nextCheckMs ??= nowMs + graceMs;
    if (!this.#excerpt) {
      if (!this.#audio || this.#decoding || nowMs < this.#nextCheckMs) return;
      this.#nextCheckMs = nowMs + checkIntervalMs * Math.min(DECODE_EVERY, 1 + this.#failures);
      const budget = Math.ceil((durationMs / 1_000) * MAX_BYTES_PER_SECOND);
      this.#excerpt = new PidExcerpt(this.#audio.pid, durationMs, budget);
    }
    const packets = this.#excerpt.push(run);
    if (!packets) return;
    this.#excerpt = undefined;
    void this.#check(packets);
  }

  /** Idempotent. A sample that is being decoded is given up. */
  close(): void {
    this.#abort.abort();
    this.#excerpt = undefined;
  }

  async #check(packets: Buffer): Promise<void> {
    if (this.#silentChecks === 0 && this.#undecodedChecks < DECODE_EVERY - 1 && !mayBeSilence(packets)) {
      this.#undecodedChecks += 1;
      return;
    }
    this.#undecodedChecks = 0;
    const generation = this.#generation;
    const { durationMs } = this.#settings;
    this.#decoding = true;
    const output = await this.#options.decoder.decode(
      soundSample(this.#program!, this.#audio!, packets, durationMs),
      this.#abort.signal,
    );
    this.#decoding = false;
    if (this.#abort.signal.aborted || generation !== this.#generation) return;
    const peak = output && peakOf(output);
    this.#failures = peak === undefined ? this.#failures + 1 : 0;
    if (peak !== undefined) this.#judge(peak);
  }

  #judge(peakDb: number): void {
    const { thresholdDb, failoverThreshold, durationMs } = this.#settings;
    this.#silentChecks = peakDb < thresholdDb ? this.#silentChecks + 1 : 0;
    if (this.#silentChecks < failoverThreshold) return;
    const seconds = durationMs / 1_000;
    this.#options.onFault(
      new StreampoolError(
        'SOURCE_SILENT',
        `the source was silent in ${this.#silentChecks} checks of ${seconds} s in a row (below ${thresholdDb} dB)`,
        { info: { checks: this.#silentChecks, thresholdDb } },
      ),
    );
  }
}
