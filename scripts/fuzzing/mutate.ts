/** Random numbers from 0 (inclusive) to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface MutateOptions {
  readonly random: () => number;
  /** Words that the parser knows. */
  readonly words: readonly string[];
  readonly maxBytes: number;
  /** Inputs to take parts from. */
  readonly others: readonly Buffer[];
}

const EDGES = [
  0, 1, 0x0d, 0x0a, 0x20, 0x22, 0x2c, 0x3a, 0x3d, 0x5c, 0x47, 0x7f, 0x80, 0xb8, 0xbc, 0xfe, 0xff,
];

/** An input like this one, changed in one to eight ways. */
export function mutate(input: Buffer, { random, words, maxBytes, others }: MutateOptions): Buffer {
  const below = (most: number): number => Math.floor(random() * most);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  let out = Buffer.from(input);
  const put = (at: number, bytes: Buffer, removed = 0): void => {
    out = Buffer.concat([out.subarray(0, at), bytes, out.subarray(at + removed)]);
  };
  for (let times = 1 + below(8); times > 0; times--) {
    const at = below(out.length + 1);
    const span = Math.min(out.length - at, 1 + below(pick([4, 16, 188, 1024])));
    switch (below(10)) {
      case 0:
        if (at < out.length) out[at] = out[at]! ^ (1 << below(8));
        break;
      case 1:
        if (at < out.length) out[at] = pick(EDGES);
        break;
      case 2:
        if (at + 2 <= out.length) out.writeUInt16BE(below(0x10000), at);
        break;
      case 3:
        put(at, Buffer.alloc(0), span);
        break;
      case 4:
        put(at, out.subarray(at, at + span));
        break;
      case 5:
      case 6:
        if (words.length > 0) put(at, Buffer.from(pick(words), 'latin1'), below(2) * span);
        break;
      case 7: {
        const other = pick(others);
        const from = below(other.length + 1);
        put(at, other.subarray(from, from + 1 + below(1024)), below(2) * span);
        break;
      }
      case 8:
        put(at, Buffer.from([pick(EDGES), pick(EDGES)]), below(2));
        break;
      default:
        out = out.subarray(0, at);
    }
  }
  return out.length > maxBytes ? out.subarray(0, maxBytes) : out;
}
