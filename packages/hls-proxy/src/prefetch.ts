import type { Clock } from '@streampool/streaming';
import type { BodyStore } from './cache/body-store.ts';
import { type Rendition, rangeOf } from './playlist/rendition.ts';
import type { BodyResource } from './token/resource.ts';

export interface PrefetchOptions {
  readonly bodies: BodyStore;
  readonly clock: Clock;
  readonly renditions: () => readonly Rendition[];
  /** What players ask for by this URI: no less is to be judged of what is fetched before they do. */
  readonly resourceAt: (uri: string) => BodyResource | undefined;
  /** There is a connection that nobody uses. */
  readonly isFree: () => boolean;
  readonly signal: AbortSignal;
  readonly onFetch: () => void;
}

/** Who has asked for none of its segments for so many target durations does not follow a playlist any more. */
const FOLLOWED_TARGETS = 3;

/** Segments that players are about to ask for, fetched before they do. */
export class Prefetch {
  readonly #options: PrefetchOptions;

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** The newest segment of a live playlist that somebody follows. */
  newest(rendition: Rendition): void {
    const { segments, list } = rendition.timeline;
    const newest = segments.at(-1);
    const isAhead = this.#isFollowed(rendition) && !list?.isEnded;
    if (isAhead && newest && !this.isOfWhole(rendition)) this.#fetch(rendition, newest);
  }

  /** The next one of what does not change any more. */
  after(rendition: Rendition, url: string, range: string | undefined): void {
    const place = rendition.placeOf(url, range);
    const next = place === undefined ? undefined : rendition.timeline.segments[place + 1];
    if (next && this.#options.isFree()) this.#fetch(rendition, next);
  }

  /** I-frames of a live stream lie within the segments that its viewers are about to get. */
  isOfWhole(rendition: Rendition | undefined): boolean {
    const isIframe =
      rendition?.resource?.place.role === 'iframe' && rendition.timeline.list?.isEnded !== true;
    return isIframe && this.#options.renditions().some((other) => other.isMain && this.#isFollowed(other));
  }

  #isFollowed({ followedAtMs, targetDurationMs }: Rendition): boolean {
    return this.#options.clock.now() - followedAtMs <= FOLLOWED_TARGETS * targetDurationMs;
  }

  #fetch(rendition: Rendition, segment: Rendition['timeline']['segments'][number]): void {
    const { bodies, signal, onFetch, resourceAt } = this.#options;
    const url = rendition.urlOf(segment);
    const range = rangeOf(segment);
    if (url === undefined || bodies.knows(url, range)) return;
    const resource = resourceAt(segment.uri);
    if (!resource) return;
    onFetch();
    bodies.get({ resource, range, isPrefetch: true }, signal).catch(() => {});
  }
}
