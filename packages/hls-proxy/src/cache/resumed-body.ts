import { isStreampoolError } from '@streampool/errors';
import { type FetchedResponse, parseContentRange } from '@streampool/upstream';

/** How often one body may be gone on with. */
const RESUMPTIONS = 2;

/**
 * The body of a response, gone on with by a range request where it breaks off: players that have its beginning need not
 * have it again. Only where the rest is certain to be of the same body: its length and its ETag must be what they were.
 */
export class ResumedBody {
  readonly #fetchRange: (range: string) => Promise<FetchedResponse>;
  readonly #first: number;
  readonly #last: number | undefined;
  readonly #total: number | undefined;
  readonly #etag: string | undefined;
  #response: FetchedResponse;
  #isClosed = false;

  /** `fetchRange`: the same resource, with this Range header. */
  constructor(response: FetchedResponse, fetchRange: (range: string) => Promise<FetchedResponse>) {
    const { contentLength, status, headers } = response;
    this.#response = response;
    this.#fetchRange = fetchRange;
    const range = status === 206 ? parseContentRange(headers['content-range']) : undefined;
    this.#first = range?.first ?? 0;
    this.#last = contentLength === undefined ? undefined : this.#first + contentLength - 1;
    this.#total = range ? range.total : contentLength;
    this.#etag = headers.etag;
  }

  /** Once. @throws StreampoolError what broke it off, where it cannot be gone on with */
  async *chunks(): AsyncGenerator<Buffer> {
    let received = 0;
    for (let resumptions = 0; ; resumptions += 1) {
      try {
        for await (const chunk of this.#response.body) {
          received += chunk.length;
          yield chunk;
        }
        return;
      } catch (error) {
        const canResume = received > 0 && this.#last !== undefined && resumptions < RESUMPTIONS;
        if (!canResume || this.#isClosed || !isBrokenOff(error)) throw error;
        await this.#resume(this.#first + received, error);
      }
    }
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#response.close();
  }

  async #resume(from: number, reason: unknown): Promise<void> {
    const response = await this.#fetchRange(`bytes=${from}-${this.#last}`).catch(() => {
      throw reason;
    });
    const range = parseContentRange(response.headers['content-range']);
    const isSame =
      response.status === 206 &&
      range?.first === from &&
      range.last === this.#last &&
      range.total === this.#total &&
      response.headers.etag === this.#etag;
    if (!isSame || this.#isClosed) {
      response.close();
      throw reason;
    }
    this.#response = response;
  }
}

function isBrokenOff(error: unknown): boolean {
  return isStreampoolError(error, 'UPSTREAM_CUT') || isStreampoolError(error, 'UPSTREAM_TIMEOUT');
}
