/**
 * What can be noted beside the coming and going of pools, sources and viewers, with the figures that tell causes apart.
 * Times in ms. `index`: 0 is the primary URL, n the n-th failover URL. `code`: of the error catalogue. `detail`: for people,
 * without credentials. A new kind of explanation is one line here and one sentence in the state package's `explain`.
 */
export interface NoteFigures {
  /** The running source was lost; another attempt follows, or the stream fails. */
  source_lost: { code: string; detail: string; index: number };
  /** The running source sends, but nothing worth watching. It is left if another one is any better. */
  source_faulty: { code: string; detail: string; index: number };
  /** A source that was tried did not begin to play. */
  source_refused: { code: string; detail: string; index: number };
  /** The source sent nothing for that long and went on by itself. */
  source_gap: { gapMs: number; index: number };
  /** FFmpeg put out nothing for that long although it had something to read. */
  encoder_gap: { gapMs: number };
  /** FFmpeg works slower than the stream plays. */
  encoder_slow: { speed: number };
  encoder_recovered: { slowMs: number; speed: number };
  /** The viewer's socket took nothing for that long although there was something to send. */
  viewer_blocked: { blockedMs: number; lagBytes: number };
  /** It takes bytes again. */
  viewer_unblocked: { blockedMs: number; lagBytes: number };
  /** A viewer got no picture but an error. */
  viewer_refused: { code: string; detail: string };
  /** A source that failed too often is not tried for a while. */
  breaker_opened: { code: string; index: number; cooldownMs: number };
  breaker_closed: { index: number };
  /** The primary is tried again, after its failure. */
  failback_started: { index: number };
  failback_failed: { code: string; index: number };
  /** An operator asked for another source. */
  failover_requested: { index: number };
  /** Viewers are shown the slate. */
  slate_started: { reason: string };
  slate_ended: { shownMs: number };
  drill_started: { fault: string; seconds: number };
  drill_ended: { fault: string; longestGapMs: number };
}

export type NoteType = keyof NoteFigures;

/** One thing that happened to a stream, or (with `clientId`) to one of its viewers. */
export type StreamNote = {
  readonly [K in NoteType]: { readonly type: K; readonly clientId?: string } & Readonly<NoteFigures[K]>;
}[NoteType];
