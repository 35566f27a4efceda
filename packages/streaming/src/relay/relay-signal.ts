const PACKET = 188;
const HEADER = Buffer.from([0x47, 0x1f, 0xff, 0x10]);
const MARK = Buffer.from('streampool relay ');

/**
 * What an owner says to its followers between packets of the stream. `alive`: there is nothing to send, but somebody is
 * there. `moved`: another node owns the stream now; bytes go on coming until the follower has changed over. The others say
 * why nothing follows: the content is complete, the stream failed or was stopped, the node is leaving.
 */
export type RelayWord = 'alive' | 'moved' | LastWord;
export type LastWord = 'ended' | 'failed' | 'stopped' | 'leaving';

/** A null packet (ISO/IEC 13818-1 §2.4.3.2, PID 0x1FFF) that carries a word, so that it costs nothing to frame the bytes around it. */
export function relayWord(word: RelayWord): Buffer {
  const packet = Buffer.alloc(PACKET, 0xff);
  HEADER.copy(packet);
  MARK.copy(packet, HEADER.length);
  packet.write(`${word}\0`, HEADER.length + MARK.length, 'latin1');
  return packet;
}

export interface RelayBodySink {
  /** Whole packets, valid until the call returns. */
  packets(run: Buffer): void;
  word(word: RelayWord): void;
}

/** Takes a relay's body apart: packets of the stream, and words. */
export class RelayBody {
  readonly #sink: RelayBodySink;
  #rest: Buffer = Buffer.alloc(0);

  constructor(sink: RelayBodySink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const whole = bytes.length - (bytes.length % PACKET);
    this.#rest = Buffer.from(bytes.subarray(whole));
    let from = 0;
    for (let at = 0; at < whole; at += PACKET) {
      const word = wordAt(bytes, at);
      if (word === undefined) continue;
      if (at > from) this.#sink.packets(bytes.subarray(from, at));
      from = at + PACKET;
      this.#sink.word(word);
    }
    if (whole > from) this.#sink.packets(bytes.subarray(from, whole));
  }
}

function wordAt(bytes: Buffer, at: number): RelayWord | undefined {
  // Hardly any packet is a null packet: two bytes decide.
  if (bytes[at + 2] !== 0xff || (bytes[at + 1]! & 0x1f) !== 0x1f) return undefined;
  const mark = at + HEADER.length;
  if (bytes.compare(MARK, 0, MARK.length, mark, mark + MARK.length) !== 0) return undefined;
  const start = mark + MARK.length;
  return bytes.toString('latin1', start, bytes.indexOf(0, start)) as RelayWord;
}
