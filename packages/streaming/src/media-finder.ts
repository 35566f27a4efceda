import { describeMedia, type MediaDescription, type OutputMarks } from '@streampool/mpegts';
import type { Ring } from './ring.ts';
import { SampleTaker } from './sample-taker.ts';

/** Pictures enough to tell a rate by, also of a source with much in each, and read within a few milliseconds. */
const SAMPLE_BYTES = 1024 * 1024;

/** What goes out, as operators want to know it. */
export type FoundMedia = Pick<MediaDescription, 'resolution' | 'video' | 'audio'>;

/** Looks into a ring once for each source that goes out, and again when its program changes: what is in there? */
export class MediaFinder {
  readonly #taker: SampleTaker;
  #found: FoundMedia | undefined;

  constructor(ring: Ring) {
    this.#taker = new SampleTaker(ring, SAMPLE_BYTES);
  }

  /** Of what went out last, as far as it could be read. Until it is known of another source, this is the former one's. */
  get found(): FoundMedia | undefined {
    return this.#found;
  }

  /** To be called for everything that a source has put into the ring. */
  note(marks: OutputMarks, nowMs: number): void {
    if (marks.program || marks.seam?.reason === 'source') this.#taker.restart();
    const sample = this.#taker.note(marks, nowMs);
    if (!sample) return;
    const { resolution, video, audio } = describeMedia(sample) ?? {};
    this.#found = {
      ...(resolution !== undefined && { resolution }),
      ...(video && { video }),
      ...(audio && { audio }),
    };
  }
}
