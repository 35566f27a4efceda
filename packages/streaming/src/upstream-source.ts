import { StreampoolError } from '@streampool/errors';
import type { BodySink, UpstreamClient, UpstreamTarget, UpstreamTimeouts } from '@streampool/upstream';
import { type OpenedMedia, openMedia } from './open-media.ts';
import type { Source, SourceSink } from './source.ts';

export interface UpstreamSourceOptions {
  readonly client: UpstreamClient;
  readonly target: UpstreamTarget;
  readonly timeouts: UpstreamTimeouts;
  /** Its connection was cut a moment ago: see `UpstreamClient.open`. */
  readonly fresh?: boolean;
  /** How long reading may pause, in ms, so that the kernel batches. */
  readonly paceMs: number;
  /**
   * Another source plays on until this one has a keyframe: it is read at once until then, since a keyframe that waits in a
   * batch has what follows it at its heels, and all of that would come ahead of its time.
   */
  readonly beside?: boolean;
  /** This target, where it has been opened already. */
  readonly opened?: OpenedMedia;
}

/** By then a source that was made ready beside another one has taken over, ms. */
const UNPACED_MS = 15_000;

/** A provider's continuous MPEG-TS over HTTP as a source. */
export class UpstreamSource implements Source {
  readonly kind = 'upstream';
  readonly #options: UpstreamSourceOptions;
  readonly #abort = new AbortController();
  #media: OpenedMedia | undefined;
  #opening: Promise<void> = Promise.resolve();
  #closed = false;
  #paused = false;
  #pacing: NodeJS.Timeout | undefined;

  constructor(options: UpstreamSourceOptions) {
    this.#options = options;
  }

  start(sink: SourceSink): void {
    const { opened } = this.#options;
    if (opened) this.#attach(opened, sink);
    else this.#opening = this.#open(sink);
  }

  pause(): void {
    this.#paused = true;
    this.#media?.response.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#media?.response.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pacing);
    this.#abort.abort();
    await this.#opening;
    this.#media?.response.close();
    await this.#media?.response.closed;
  }

  async #open(sink: SourceSink): Promise<void> {
    const { client, target, timeouts, paceMs, fresh = false, beside = false } = this.#options;
    try {
      const media = await openMedia(client, target, {
        ...{ timeouts, fresh, paceMs: beside ? 0 : paceMs },
        signal: this.#abort.signal,
      });
      this.#media = media;
      if (this.#closed) return;
      if (beside) this.#pacing = setTimeout(() => media.response.pace?.(paceMs), UNPACED_MS).unref();
      this.#attach(media, sink);
    } catch (error) {
      if (!this.#closed) sink.end(asStreampoolError(error));
    }
  }

  #attach(media: OpenedMedia, sink: SourceSink): void {
    this.#media = media;
    const body: BodySink = {
      data: (chunk) => {
        if (!this.#closed) sink.data(chunk);
      },
      end: (error) => {
        if (!this.#closed) sink.end(error ?? endOf(media));
      },
    };
    media.body.attach(body);
    if (this.#paused) media.response.pause();
  }
}

/**
 * A body with a length that has come whole is complete content. A body without a length has no end that its provider
 * promised: for a continuous stream that is a cut, politely made.
 */
function endOf({ response }: OpenedMedia): StreampoolError | undefined {
  if (response.contentLength !== undefined) return undefined;
  return new StreampoolError('UPSTREAM_CUT', 'The provider closed the connection');
}

export function asStreampoolError(error: unknown): StreampoolError {
  return error instanceof StreampoolError
    ? error
    : new StreampoolError('INTERNAL', 'Opening the provider failed', { cause: error });
}
