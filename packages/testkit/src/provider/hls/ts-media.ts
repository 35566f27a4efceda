import type { Sample } from '../../fixtures/sample.ts';
import { hasPayload, PACKET, payloadAt, startsUnit, timestampsAt } from '../../fixtures/ts-fields.ts';
import { TsLoop } from '../../fixtures/ts-loop.ts';
import type { HlsMedia } from './hls-media.ts';

/** Transport stream segments that begin with the tables and a keyframe (without video: with a PES packet of the sound). */
export class TsMedia implements HlsMedia {
  readonly extension = 'ts';
  readonly contentType = 'video/mp2t';
  readonly parts = [];
  readonly seconds: readonly number[];
  readonly #loop: TsLoop;
  /** Where segments begin, and the end of the round. */
  readonly #cuts: readonly number[];
  readonly #rendered = new Map<number, Buffer>();

  /** `segmentSeconds`: whole keyframe distances; without it, each keyframe begins a segment. */
  constructor(sample: Pick<Sample, 'path' | 'seconds'>, segmentSeconds?: number) {
    this.#loop = new TsLoop(sample);
    const { joins, size, durationTicks } = this.#loop;
    const total = durationTicks / 90_000;
    const count = segmentSeconds === undefined ? joins.length : Math.round(total / segmentSeconds);
    const cut = (index: number): number => joins[Math.round((index * joins.length) / count)]!;
    this.#cuts = [0, ...Array.from({ length: count - 1 }, (_, index) => cut(index + 1)), size];
    this.seconds = Array.from({ length: count }, () => total / count);
  }

  segment(round: number, index: number, continued: boolean): Buffer {
    return this.#round(continued ? round : 0).subarray(this.#cuts[index], this.#cuts[index + 1]);
  }

  pictureBytes(index: number): number {
    const bytes = this.segment(0, index, true);
    let pictures = 0;
    for (let at = 0; at < bytes.length; at += PACKET) {
      if (!startsUnit(bytes, at) || !hasPayload(bytes, at)) continue;
      const payload = payloadAt(bytes, at);
      const isPicture = timestampsAt(bytes, payload).length > 0 && (bytes[payload + 3]! & 0xf0) === 0xe0;
      if (isPicture && ++pictures === 2) return at;
    }
    return bytes.length;
  }

  #round(round: number): Buffer {
    let bytes = this.#rendered.get(round);
    if (!bytes) {
      bytes = this.#loop.render(round);
      for (const kept of this.#rendered.keys()) if (this.#rendered.size > 2) this.#rendered.delete(kept);
      this.#rendered.set(round, bytes);
    }
    return bytes;
  }
}
