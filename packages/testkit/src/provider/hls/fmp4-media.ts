import { readFileSync } from 'node:fs';
import { makeSample, type Sample, type SampleOptions } from '../../fixtures/sample.ts';
import type { HlsMedia } from './hls-media.ts';
import { boxesAt, boxesOf, type Track, tracksOf, trackTimes } from './mp4-boxes.ts';

/** A sample in fragments that each begin with a keyframe, for {@link Fmp4Media}. */
export function makeFragments(options: Omit<SampleOptions, 'container' | 'extra'> = {}): Promise<Sample> {
  return makeSample({
    // Without B-frames nothing is shown before it is decoded: no edit list is needed.
    ...{ bFrames: 0, gopSeconds: 0.4, ...options, container: 'mp4' },
    // Sound that begins one frame of AAC later begins with the picture, priming included.
    extra: [
      ...['-movflags', 'frag_keyframe+empty_moov+default_base_moof', '-use_editlist', '0'],
      ...['-af', 'asetpts=PTS+1024'],
    ],
  });
}

/** Fragmented MP4 (ISO/IEC 14496-12 §8.8): segments of whole fragments, each fragment a part. */
export class Fmp4Media implements HlsMedia {
  readonly extension = 'm4s';
  readonly contentType = 'video/mp4';
  readonly init: Buffer;
  readonly seconds: readonly number[];
  readonly parts: readonly (readonly number[])[];
  readonly #tracks: readonly Track[];
  readonly #roundSeconds: number;
  /** By segment. */
  readonly #fragments: readonly (readonly Buffer[])[];

  constructor(sample: Pick<Sample, 'path' | 'seconds'>, segmentSeconds: number) {
    const file = readFileSync(sample.path);
    this.#tracks = tracksOf(file);
    this.#roundSeconds = sample.seconds;
    const boxes = boxesOf(file);
    this.init = Buffer.concat(
      boxes
        .filter(({ type }) => type === 'ftyp' || type === 'moov')
        .map((box) => file.subarray(box.start, box.end)),
    );
    const fragments = boxes.flatMap((box, index) =>
      box.type === 'moof' ? [file.subarray(box.start, boxes[index + 1]!.end)] : [],
    );
    const starts = fragments.map((fragment) => this.#startOf(fragment));
    const lengths = starts.map((start, index) => (starts[index + 1] ?? sample.seconds) - start);
    const segments: { fragments: Buffer[]; parts: number[] }[] = [];
    starts.forEach((start, index) => {
      if (start >= segments.length * segmentSeconds - 0.001) segments.push({ fragments: [], parts: [] });
      segments.at(-1)!.fragments.push(fragments[index]!);
      segments.at(-1)!.parts.push(lengths[index]!);
    });
    this.#fragments = segments.map((segment) => segment.fragments);
    this.parts = segments.map((segment) => segment.parts);
    this.seconds = this.parts.map((parts) => parts.reduce((sum, part) => sum + part, 0));
  }

  segment(round: number, index: number, continued: boolean): Buffer {
    return Buffer.concat(this.parts[index]!.map((_, part) => this.part(round, index, part, continued)));
  }

  part(round: number, index: number, part: number, continued: boolean): Buffer {
    const fragment = Buffer.from(this.#fragments[index]![part]!);
    if (!continued) return fragment;
    const perRound = this.#fragments.flat().length;
    const before = this.#fragments.slice(0, index).flat().length + part;
    fragment.writeUInt32BE(round * perRound + before + 1, boxesAt(fragment, 'moof/mfhd')[0]!.body + 4);
    for (const { track, shift } of trackTimes(fragment)) {
      const { timescale } = this.#tracks.find(({ id }) => id === track)!;
      shift(fragment, Math.round(round * this.#roundSeconds * timescale));
    }
    return fragment;
  }

  /** Seconds; of the picture, where there is one. */
  #startOf(fragment: Buffer): number {
    const times = trackTimes(fragment);
    const leading = this.#tracks.find(({ isVideo }) => isVideo) ?? this.#tracks[0]!;
    return times.find(({ track }) => track === leading.id)!.time / leading.timescale;
  }
}
