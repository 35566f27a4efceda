import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Span as ApiSpan,
  type Tracer as ApiTracer,
  type Context,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Attributes, Span, SpanOptions, Tracer } from './tracer.ts';

export interface OtlpOptions {
  /** The collector's base URL (OTLP over HTTP); spans go to `/v1/traces` below it. */
  readonly endpoint: string;
  /** Sent with each batch; absent: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 0 to 1: the share of traces that begin here and are kept. What somebody else began is kept if they keep it. */
  readonly sampled: number;
  /** What the process is, such as `service.name`. */
  readonly resource: Attributes;
  /** Between two batches, ms. */
  readonly intervalMs?: number;
}

/** A collector that is away or slow costs this much memory, and then spans are dropped. */
const MOST_WAITING = 2_048;
/** The longest that the end of the process waits for a collector, ms. */
const CLOSE_MS = 2_000;
const EXPORT_MS = 2_000;

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

/** Which span runs, and whether it has ended. No more than ids is held: what is opened within it may live as long as a stream. */
interface Running {
  readonly context: SpanContext;
  hasEnded: boolean;
}

/** Sends spans to an OpenTelemetry collector. Loading this module loads its SDK: see `openTracer`. */
export class OtlpTracer implements Tracer {
  readonly #provider: TracerProvider;
  readonly #tracer: ApiTracer;
  readonly #running = new AsyncLocalStorage<Running>();
  #closed: Promise<void> | undefined;

  constructor({ endpoint, headers = {}, sampled, resource, intervalMs = 2_000 }: OtlpOptions) {
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({ ...resource }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampled) }),
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new OTLPTraceExporter({
            ...{ url: `${endpoint}/v1/traces`, headers: { ...headers }, timeoutMillis: EXPORT_MS },
          }),
          scheduledDelayMillis: intervalMs,
          maxQueueSize: MOST_WAITING,
          exportTimeoutMillis: EXPORT_MS,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('streampool');
  }

  open(name: string, { kind, attributes = {}, parent }: SpanOptions = {}): Span {
    const running = this.#running.getStore();
    const caller = contextOf(parent);
    const isLate = caller === undefined && running?.hasEnded === true;
    const span = this.#tracer.startSpan(
      name,
      {
        kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind],
        attributes: { ...attributes },
        ...(isLate && { links: [{ context: running.context }] }),
      },
      isLate ? ROOT_CONTEXT : within(caller ?? running?.context),
    );
    return new OtlpSpan(span, this.#running);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
  }
}

class OtlpSpan implements Span {
  readonly traceparent: string;
  readonly #storage: AsyncLocalStorage<Running>;
  readonly #running: Running;
  /** Let go of at its end. */
  #span: ApiSpan | undefined;

  constructor(span: ApiSpan, storage: AsyncLocalStorage<Running>) {
    const context = span.spanContext();
    this.#span = span;
    this.#storage = storage;
    this.#running = { context, hasEnded: false };
    const flags = context.traceFlags.toString(16).padStart(2, '0');
    this.traceparent = `00-${context.traceId}-${context.spanId}-${flags}`;
  }

  set(attributes: Attributes): void {
    this.#span?.setAttributes({ ...attributes });
  }

  run<T>(work: () => T): T {
    return this.#storage.run(this.#running, work);
  }

  end(error?: unknown): void {
    const span = this.#span;
    if (!span) return;
    this.#span = undefined;
    this.#running.hasEnded = true;
    if (error !== undefined) {
      // Messages are for people who may know what is in them; here the code has to do.
      span.setAttribute('error.type', codeOf(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
}

function within(context: SpanContext | undefined): Context {
  return context === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, context);
}

/** W3C Trace Context §3.2. What is not one is as good as none. */
function contextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (!/[^0]/.test(traceId) || !/[^0]/.test(spanId)) return undefined;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return { traceId, spanId, traceFlags, isRemote: true };
}

function codeOf(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}
