/** What a span says beside its name. Never a URL, an address or a name of a viewer: collectors are read by many. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface SpanOptions {
  /** `server`: somebody's request is answered; `client`: somebody else is asked. Within this process by default. */
  readonly kind?: 'server' | 'client';
  readonly attributes?: Attributes;
  /** The `traceparent` header of a request (W3C Trace Context): the span belongs to the caller's trace. */
  readonly parent?: string | undefined;
}

/** Something that takes time, until its end is told. */
export interface Span {
  /** W3C Trace Context, for a request to somebody else; undefined where nothing is traced. */
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  /** Runs it so that spans opened within it, also later, belong to this one. */
  run<T>(work: () => T): T;
  /** Idempotent. `error`: it failed, with the code that this has. */
  end(error?: unknown): void;
}

/** Where the parts of the program say what they do, for traces across processes. The one that does nothing costs nothing. */
export interface Tracer {
  /** Belongs to the span that runs here; where that has ended (a source that is lost an hour later) a trace of its own begins, linked to it. */
  open(name: string, options?: SpanOptions): Span;
  /** Sends what is still here, for the moment before the process ends. Idempotent; never rejects. */
  close(): Promise<void>;
}

const NO_SPAN: Span = {
  traceparent: undefined,
  set() {},
  run: (work) => work(),
  end() {},
};

/** Nothing is traced. */
export const NO_TRACER: Tracer = { open: () => NO_SPAN, close: () => Promise.resolve() };

/** A span around something asynchronous: ends with it, and fails with it. */
export function traced<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  // Not even a promise more.
  if (tracer === NO_TRACER) return work(NO_SPAN);
  const span = tracer.open(name, options);
  return span
    .run(() => work(span))
    .then(
      (result) => {
        span.end();
        return result;
      },
      (error: unknown) => {
        span.end(error);
        throw error;
      },
    );
}
