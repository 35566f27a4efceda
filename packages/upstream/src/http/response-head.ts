import { StreampoolError } from '@streampool/errors';
import { HTTPParser } from 'http-parser-js';

/** A response head as the body's reader needs it. */
export interface ResponseHead {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
}

const MAX_HEAD_BYTES = 64 * 1024;
const ICY = Buffer.from('ICY ');
const HTTP = Buffer.from('HTTP/1.0 ');

// The default decodes as 7-bit ASCII, which destroys UTF-8 in a Location or a file name.
HTTPParser.encoding = 'latin1';

/**
 * Reads one response head from pieces of input, skipping interim responses (1xx). As tolerant as providers need it:
 * bare line feeds, folded or malformed header lines, and the `ICY 200 OK` of SHOUTcast servers.
 * Only the head is left to the library; see docs/adr/0020-upstream-client-on-sockets.md for the body.
 */
export class ResponseHeadParser {
  readonly #parser = new HTTPParser(HTTPParser.RESPONSE);
  #head: ResponseHead | undefined;
  #start: Buffer | undefined = Buffer.alloc(0);

  constructor() {
    this.#parser.maxHeaderSize = MAX_HEAD_BYTES;
    this.#parser[HTTPParser.kOnHeadersComplete] = (info) => {
      if (info.statusCode >= 100 && info.statusCode < 200 && info.statusCode !== 101) return 0;
      this.#head = { status: info.statusCode, headers: joinHeaders(info.headers) };
      return 2; // Stop before the body.
    };
  }

  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /**
   * Takes the next piece; once `head` is there, what is returned is the part of the piece that follows it.
   * @throws StreampoolError UPSTREAM_PROTOCOL for what is no HTTP response, or one with an endless head
   */
  push(chunk: Buffer): Buffer {
    let input = chunk;
    if (this.#start) {
      input = Buffer.concat([this.#start, chunk]);
      if (input.length < ICY.length) {
        this.#start = input;
        return input.subarray(input.length);
      }
      this.#start = undefined;
      if (input.subarray(0, ICY.length).equals(ICY))
        input = Buffer.concat([HTTP, input.subarray(ICY.length)]);
    }
    const consumed = this.#parser.execute(input);
    if (typeof consumed !== 'number') {
      const tooLarge = consumed.message.includes('header size');
      throw new StreampoolError(
        'UPSTREAM_PROTOCOL',
        tooLarge ? 'The provider sent an endless response head' : 'The provider did not answer in HTTP',
        { cause: consumed },
      );
    }
    return input.subarray(consumed);
  }
}

function joinHeaders(flat: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i]!.toLowerCase();
    const value = flat[i + 1]!;
    const before = headers[name];
    if (name === 'content-length' && before === value) continue;
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
