import type { StreampoolError } from '@streampool/errors';
import type { Attempt } from '../chain-options.ts';
import type { NextUrlResolver } from './resolver.ts';
import type { Resolved, SourceChoice } from './source-choice.ts';
import type { AttemptHealth, Fault, SourceHealth } from './source-health.ts';
import type { SourceList } from './source-list.ts';

export interface PoolChoiceOptions {
  readonly list: SourceList;
  readonly health: SourceHealth;
  readonly resolver?: NextUrlResolver;
  /** False while another node plays the source. */
  readonly isOurs?: () => boolean;
}

/** What one chain's choice goes by: the health of its sources as all streams see it, and who names further ones. */
export class PoolChoice implements SourceChoice {
  readonly #options: PoolChoiceOptions;
  /** Of attempts whose source was really asked, by this node. */
  readonly #begun = new WeakMap<Attempt, AttemptHealth>();
  readonly resolve?: SourceChoice['resolve'];

  constructor(options: PoolChoiceOptions) {
    this.#options = options;
    const { resolver } = options;
    if (resolver) this.resolve = (lost) => this.#resolve(resolver, lost);
  }

  waitMs(index: number): number {
    const { health, list } = this.#options;
    return health.waitMs(list.keyOf(index));
  }

  want(index: number): void {
    const { health, list } = this.#options;
    health.want(list.keyOf(index));
  }

  /** The source is asked now. Where another node plays it, this is never called, and nothing is held against the source. */
  begin(attempt: Attempt): void {
    const { health, list } = this.#options;
    this.#begun.set(attempt, health.begin(list.keyOf(attempt.index)));
  }

  played(attempt: Attempt): void {
    this.#begun.get(attempt)?.played();
  }

  stable(attempt: Attempt): void {
    this.#begun.get(attempt)?.stable();
  }

  failed(attempt: Attempt, fault: Fault): void {
    this.#begun.get(attempt)?.failed(fault);
  }

  dropped(attempt: Attempt): void {
    this.#begun.get(attempt)?.dropped();
  }

  isOurs(): boolean {
    return this.#options.isOurs?.() ?? true;
  }

  urlOf(index: number): string | undefined {
    return this.#options.list.namedUrl(index);
  }

  async #resolve(
    resolver: NextUrlResolver,
    { index, error }: { index: number; error?: StreampoolError },
  ): Promise<Resolved | undefined> {
    const { list } = this.#options;
    const currentUrl = list.at(index).url;
    const url = await resolver.ask({ currentUrl, currentIndex: index, ...(error && { error }) });
    return url === undefined ? undefined : list.put(url, index);
  }
}
