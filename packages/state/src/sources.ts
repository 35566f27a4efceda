/** How sources (URLs) are, in the eyes of the whole cluster: what its circuit breakers go by. */

/** What a node has found out about a source. A source is named by a hash: URLs hold credentials. */
export interface SourceReport {
  readonly key: string;
  /**
   * `failed` (with how long it is to be left alone), `played` (it shows pictures), `stable` (it has shown them for long),
   * `dropped` (an attempt ended and says nothing), `probe` (asks for the right to find out how it is).
   */
  readonly kind: 'failed' | 'played' | 'stable' | 'dropped' | 'probe';
  /** How long ago the attempt began; ms. One that began before the source was found to be bad says nothing new. */
  readonly beganAgoMs: number;
  /** Of `failed`, ms: `first` after the first failure in a row, doubling up to `most`, times `share` (0 to 1). */
  readonly cooldown?: { readonly firstMs: number; readonly mostMs: number; readonly share: number };
}

export interface SourceView {
  readonly key: string;
  /** In a row; 0: nothing is held against it. */
  readonly failures: number;
  /** Left alone, until an attempt has shown pictures. */
  readonly isOpen: boolean;
  /** How long it is still to be left alone; ms. */
  readonly waitMs: number;
  /** The node that finds out how it is, and how long others wait for it; '' and 0: nobody. */
  readonly probe: string;
  readonly probeMs: number;
}

export interface SourceExchange {
  readonly node: string;
  /** In their order. */
  readonly reports: readonly SourceReport[];
  /** Of the last answer: what has changed since then is told, beside what the reports are about. All that is known without it. */
  readonly since?: number;
  /** How long the right to find out lasts; ms. */
  readonly probeMs: number;
}

export interface SourceExchangeReply {
  readonly nowMs: number;
  readonly sources: readonly SourceView[];
}

/** The memory of a source that nothing was said of for so long goes; ms. */
export const SOURCE_MEMORY_MS = 10 * 60_000;
/** The most sources of one answer; of more the ones that changed last. */
export const MOST_SOURCES = 1_000;

export interface SourceState {
  /** One step: takes what a node has found out, and tells it what others have. */
  exchangeSources(exchange: SourceExchange): Promise<SourceExchangeReply>;
}
