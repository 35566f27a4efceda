/** What is asked of a stream as HLS, below `/hls/{id}/`. */
export interface HlsRequest {
  /** The path below the stream's folder as it stands in the URL, such as `playlist.m3u8` or `segment/17.ts`. */
  readonly path: string;
  /** As it was sent, without what is the door's own: client ids, names, signatures. */
  readonly query: URLSearchParams;
  /** The value of a Range header (RFC 9110 §14.2). */
  readonly range?: string;
  /** What the asking node knows of the stream from an earlier owner. */
  readonly resume?: HlsResume;
}

/** How far a stream's media playlist had come, so that its numbers never go back (RFC 8216 §6.2.2). */
export interface HlsResume {
  /** Of the newest segment, also of one that is known by its first parts only. */
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  /** Wall clock of its end, ms since the epoch. */
  readonly endMs?: number;
  /** Of the playlist, which must not change (§6.2.1). */
  readonly targetDurationS?: number;
}

/** A body that may still be growing while it is read. */
export interface HlsBody {
  /** Bytes, where that is known by now. */
  readonly length?: number | undefined;
  /** From its first byte on, independently of other readers. Leaving the loop ends this reading only. It throws where the body breaks off. */
  open(): AsyncIterable<Buffer>;
}

export interface HlsAnswer {
  readonly status: 200 | 206 | 304 | 404 | 416;
  /**
   * A playlist's body is always whole, a Buffer. Its URIs are relative to its own place, as players resolve them: `segment/…`
   * in `playlist.m3u8`, `../segment/…` in one below `variant/`. The same is true of an asset list, which is JSON.
   */
  readonly kind: 'playlist' | 'asset-list' | 'media' | 'other';
  readonly contentType: string;
  /** How long others may be given the same answer, ms; 0: each request is answered anew. */
  readonly maxAgeMs: number;
  readonly body: Buffer | HlsBody;
  /** Further headers that the player needs, by lower-case name, such as `content-range`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a media playlist: for how long a player may be silent before it has left, ms. */
  readonly targetDurationMs?: number;
  /** Of a media playlist that is made here: how far it has come. */
  readonly progress?: HlsResume;
}

/** What delivers one stream as HLS at the node that plays it. */
export interface HlsOrigin {
  /**
   * Waits until there is something to answer, as blocking playlist reloads do, for as long as the stream may take.
   * @throws StreampoolError NOT_FOUND (no such resource, or no longer), UPSTREAM_*, STREAM_*, CAPACITY_EXHAUSTED
   */
  answer(request: HlsRequest, signal: AbortSignal): Promise<HlsAnswer>;
  /** Settles when it can answer nothing any more: the stream has ended or failed, or nobody asked for a while. Never rejects. */
  readonly closed: Promise<void>;
  /** Idempotent: what it holds (pool, connections, files) is released. */
  close(): Promise<void>;
}
