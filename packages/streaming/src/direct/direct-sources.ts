import type { StreampoolError } from '@streampool/errors';
import type { NextUrlResolver } from '../choice/resolver.ts';
import { SourceList } from '../choice/source-list.ts';
import type { StreamSpec } from '../engine-api.ts';

/** A source that cannot be played any more, and why; without an error an operator asks. */
export interface Lost {
  readonly index: number;
  readonly error?: StreampoolError;
}

type Sourced = Pick<StreamSpec, 'target' | 'failoverUrls' | 'resolverUrl'>;

/**
 * The URLs of a direct stream, for all of its viewers: the primary, the failover URLs, and those that its resolver has
 * named. Each viewer has a connection of its own, but they lose the same source at the same time, and ask once.
 */
export class DirectSources {
  /** How many URLs the stream has of its own. */
  readonly configured: number;
  readonly #list: SourceList;
  readonly #resolverUrl: string | undefined;
  readonly #resolver: NextUrlResolver | undefined;
  readonly #asked = new Map<number, Promise<number | undefined>>();

  constructor({ target, failoverUrls, resolverUrl }: Sourced, resolver?: NextUrlResolver) {
    const targets = [target, ...failoverUrls.map((url) => ({ ...target, url }))];
    this.configured = targets.length;
    this.#list = new SourceList(targets);
    this.#resolverUrl = resolverUrl;
    this.#resolver = resolver;
  }

  /** Whether these are the sources of that definition, which may have changed since. */
  areOf({ target, failoverUrls, resolverUrl }: Sourced): boolean {
    const [primary, ...others] = Array.from({ length: this.configured }, (_, index) => this.urlOf(index));
    return (
      primary === target.url &&
      resolverUrl === this.#resolverUrl &&
      others.length === failoverUrls.length &&
      others.every((url, at) => url === failoverUrls[at])
    );
  }

  /** Somebody may name further ones. */
  get hasResolver(): boolean {
    return this.#resolver !== undefined;
  }

  /** Whether there is anything but the primary. */
  get hasAlternative(): boolean {
    return this.configured > 1 || this.hasResolver;
  }

  /** With credentials. */
  urlOf(index: number): string {
    return this.#list.at(index).url;
  }

  /** With credentials; of sources that the resolver has named. */
  namedUrl(index: number): string | undefined {
    return this.#list.namedUrl(index);
  }

  /** The next one by the resolver's word; undefined: there is no resolver, or it knows none but the one that is lost. Never rejects. */
  next({ index, error }: Lost): Promise<number | undefined> {
    if (!this.#resolver) return Promise.resolve(undefined);
    const asked = this.#asked.get(index) ?? this.#ask(this.#resolver, { index, ...(error && { error }) });
    this.#asked.set(index, asked);
    return asked;
  }

  async #ask(resolver: NextUrlResolver, { index, error }: Lost): Promise<number | undefined> {
    try {
      const currentUrl = this.urlOf(index);
      const url = await resolver.ask({ currentUrl, currentIndex: index, ...(error && { error }) });
      if (url === undefined || url === currentUrl) return undefined;
      return this.#list.put(url, index).index;
    } finally {
      this.#asked.delete(index);
    }
  }
}
