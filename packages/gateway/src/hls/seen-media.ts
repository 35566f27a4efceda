import type { HlsBody } from '@streampool/hls';
import { describeMedia } from '@streampool/mpegts';

/** What a stream turned out to be, as far as its segments tell. */
export interface Seen {
  readonly codecs?: string;
  readonly resolution?: string;
  /** Of the segment with the most, bit/s, container included. */
  readonly peakBits: number;
}

/** Segments of a stream that are looked into: enough for what does not change, and an idea of its peaks. */
const MOST_SEGMENTS = 8;
const MOST_STREAMS = 1_000;
const MOST_BYTES = 16 * 1024 * 1024;
/** What is shorter is a part, and one with a keyframe says nothing of a stream's rate. */
const LEAST_MS = 900;

/** What segments that went out have shown of the rungs of ladders: encoders choose what their arguments leave open. */
export class SeenMedia {
  readonly #streams = new Map<string, { segments: number; seen: Seen | undefined }>();

  of(streamId: string): Seen | undefined {
    return this.#streams.get(streamId)?.seen;
  }

  /** A segment of the stream has gone out. Never rejects. */
  async note(streamId: string, body: Buffer | HlsBody): Promise<void> {
    const known = this.#streams.get(streamId) ?? { segments: 0, seen: undefined };
    if (known.segments >= MOST_SEGMENTS) return;
    known.segments += 1;
    this.#streams.set(streamId, known);
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > MOST_STREAMS && oldest !== undefined) this.#streams.delete(oldest);
    // What cannot be read again is seen another time.
    const bytes = await wholeOf(body).catch(() => undefined);
    const found = bytes && describeMedia(bytes);
    if (!bytes || !found || found.durationMs < LEAST_MS) {
      known.segments -= 1;
      return;
    }
    const { codecs, resolution, durationMs } = found;
    known.seen = {
      ...(codecs !== undefined && { codecs }),
      ...(resolution !== undefined && { resolution }),
      peakBits: Math.max(known.seen?.peakBits ?? 0, Math.round((8_000 * bytes.length) / durationMs)),
    };
  }
}

async function wholeOf(body: Buffer | HlsBody): Promise<Buffer | undefined> {
  if (Buffer.isBuffer(body)) return body;
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of body.open()) {
    length += part.length;
    if (length > MOST_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
