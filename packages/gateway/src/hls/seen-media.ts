import type { HlsBody } from '@streampool/hls';
import { describeMedia } from '@streampool/mpegts';

/** What a stream turned out to be, as far as its segments tell. */
export interface Seen {
  readonly codecs?: string;
  readonly resolution?: string;
  /** Of the segment with the most, bit/s, container included. */
  readonly peakBits: number;
}

/** Segments of a stream that are read: enough for what does not change, and an idea of its peaks. */
const MOST_SEGMENTS = 8;
/** Names of segments that are remembered, so that each is looked into once however many viewers get it. */
const MOST_NAMES = 24;
const MOST_STREAMS = 1_000;
const MOST_BYTES = 16 * 1024 * 1024;
/** What is shorter is a part, and one with a keyframe says nothing of a stream's rate. */
const LEAST_MS = 900;

/** What segments that went out have shown of the rungs of ladders: encoders choose what their arguments leave open. */
export class SeenMedia {
  readonly #streams = new Map<
    string,
    { read: number; readonly tried: Set<string>; seen: Seen | undefined }
  >();

  of(streamId: string): Seen | undefined {
    return this.#streams.get(streamId)?.seen;
  }

  /** A segment of the stream has gone out, perhaps not for the first time. `name`: of the segment. Never rejects. */
  async note(streamId: string, name: string, body: Buffer | HlsBody): Promise<void> {
    const known = this.#streams.get(streamId) ?? { read: 0, tried: new Set<string>(), seen: undefined };
    if (known.read >= MOST_SEGMENTS || known.tried.has(name)) return;
    known.tried.add(name);
    const [first] = known.tried;
    if (known.tried.size > MOST_NAMES && first !== undefined) known.tried.delete(first);
    this.#streams.set(streamId, known);
    const [oldest] = this.#streams.keys();
    if (this.#streams.size > MOST_STREAMS && oldest !== undefined) this.#streams.delete(oldest);
    // Some cannot be opened a second time.
    const bytes = await wholeOf(body).catch(() => undefined);
    const found = bytes && describeMedia(bytes);
    if (!bytes || !found || found.durationMs < LEAST_MS) return;
    known.read += 1;
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
