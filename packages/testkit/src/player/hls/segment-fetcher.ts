import { createDecipheriv } from 'node:crypto';
import type { HlsClient } from './hls-client.ts';
import type { ByteRange, KeyTag, MapTag } from './playlist.ts';

export interface MediaResource {
  /** Absolute. */
  readonly url: string;
  readonly range: ByteRange | undefined;
  readonly key: KeyTag | undefined;
  readonly sequence: number;
  /** What the key's URI is relative to. */
  readonly base: string;
}

/** Fetches segments, parts and maps, decrypted (RFC 8216 §4.3.2.4, §5.2). Keys and maps are fetched once. */
export class SegmentFetcher {
  readonly #client: HlsClient;
  readonly #keys = new Map<string, Promise<Buffer | undefined>>();
  readonly #maps = new Map<string, Promise<Buffer | undefined>>();

  constructor(client: HlsClient) {
    this.#client = client;
  }

  /** The media in the clear, or the status that was answered in place of them. */
  async fetch({ url, range, key, sequence, base }: MediaResource): Promise<Buffer | number> {
    const answer = await this.#client.get(url, rangeHeader(range));
    if (answer.status !== (range ? 206 : 200)) return answer.status;
    if (range && answer.body.length !== range.length) return -1;
    if (!key) return answer.body;
    const secret = await this.#key(new URL(key.uri ?? '', base).href);
    if (!secret) return -1;
    try {
      const decipher = createDecipheriv('aes-128-cbc', secret, ivOf(key, sequence));
      return Buffer.concat([decipher.update(answer.body), decipher.final()]);
    } catch {
      return -1;
    }
  }

  map(map: MapTag, base: string): Promise<Buffer | undefined> {
    const url = new URL(map.uri, base).href;
    const id = `${url} ${map.range?.offset}`;
    const found = this.#maps.get(id);
    if (found) return found;
    const fetched = this.#client
      .get(url, rangeHeader(map.range))
      .then(({ status, body }) => (status === (map.range ? 206 : 200) ? body : undefined));
    this.#maps.set(id, fetched);
    return fetched;
  }

  #key(url: string): Promise<Buffer | undefined> {
    const found = this.#keys.get(url);
    if (found) return found;
    const fetched = this.#client
      .get(url)
      .then(({ status, body }) => (status === 200 && body.length === 16 ? body : undefined));
    this.#keys.set(url, fetched);
    return fetched;
  }
}

function rangeHeader(range: ByteRange | undefined): Record<string, string> {
  return range ? { range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {};
}

/** §5.2: the attribute, or the media sequence number as a big-endian integer. */
function ivOf({ iv }: KeyTag, sequence: number): Buffer {
  const bytes = Buffer.alloc(16);
  if (iv === undefined) bytes.writeBigUInt64BE(BigInt(sequence), 8);
  else Buffer.from(iv.slice(2).padStart(32, '0'), 'hex').copy(bytes);
  return bytes;
}
