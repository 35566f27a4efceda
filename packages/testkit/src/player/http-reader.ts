/** The head of a response, as it stands on the wire. */
export interface ResponseHead {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Reads one HTTP/1.1 response from pieces of a byte stream: the head, then the body without its chunk marks (RFC 9112 §7.1). */
export class HttpReader {
  head: ResponseHead | undefined;
  /** True once the body is complete; never for a body that ends with its connection. */
  complete = false;
  readonly #onBody: (chunk: Buffer) => void;
  readonly #bodiless: boolean;
  #pending: Buffer = Buffer.alloc(0);
  #chunked = false;
  /** Bytes left of the body, or of the chunk. */
  #left = Number.POSITIVE_INFINITY;
  /** Between chunks: the line of a chunk's size is due. */
  #atSize = false;

  constructor(onBody: (chunk: Buffer) => void, { bodiless = false } = {}) {
    this.#onBody = onBody;
    this.#bodiless = bodiless;
  }

  push(data: Buffer): void {
    if (this.head) {
      this.#body(data);
      return;
    }
    this.#pending = Buffer.concat([this.#pending, data]);
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end < 0) return;
    this.head = parseHead(this.#pending.toString('latin1', 0, end));
    const rest = this.#pending.subarray(end + 4);
    this.#pending = Buffer.alloc(0);
    const { headers, status } = this.head;
    this.#chunked = /chunked/i.test(headers['transfer-encoding'] ?? '');
    if (this.#chunked) [this.#atSize, this.#left] = [true, 0];
    else if (headers['content-length'] !== undefined) this.#left = Number(headers['content-length']);
    if (this.#bodiless || status === 204 || status === 304 || this.#left === 0)
      this.complete = !this.#chunked || this.#bodiless;
    if (rest.length > 0) this.#body(rest);
  }

  #body(data: Buffer): void {
    let rest = data;
    while (rest.length > 0 && !this.complete) {
      if (this.#atSize) {
        const joined = this.#pending.length > 0 ? Buffer.concat([this.#pending, rest]) : rest;
        // The mark of a chunk follows the CRLF that closes the one before.
        const match = /^(?:\r\n)?([0-9a-f]+)[^\n]*\n/i.exec(joined.toString('latin1', 0, 100));
        if (!match) {
          this.#pending = Buffer.from(joined);
          return;
        }
        this.#pending = Buffer.alloc(0);
        this.#atSize = false;
        this.#left = Number.parseInt(match[1]!, 16);
        rest = joined.subarray(match[0].length);
        if (this.#left === 0) this.complete = true;
        continue;
      }
      const piece = rest.subarray(0, this.#left);
      this.#left -= piece.length;
      this.#onBody(piece);
      rest = rest.subarray(piece.length);
      if (this.#left === 0) {
        if (this.#chunked) this.#atSize = true;
        else this.complete = true;
      }
    }
  }
}

function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1] ?? 0), headers };
}
