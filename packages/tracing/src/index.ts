import type { OtlpOptions } from './otlp-tracer.ts';
import { NO_TRACER, type Tracer } from './tracer.ts';

export type { OtlpOptions } from './otlp-tracer.ts';
export { type Attributes, NO_TRACER, type Span, type SpanOptions, type Tracer, traced } from './tracer.ts';

/** Traces to a collector; without an endpoint nothing is traced, nor is anything loaded that could. */
export async function openTracer(
  options: Omit<OtlpOptions, 'endpoint'> & { readonly endpoint: string | undefined },
): Promise<Tracer> {
  const { endpoint } = options;
  if (endpoint === undefined) return NO_TRACER;
  const { OtlpTracer } = await import('./otlp-tracer.ts');
  return new OtlpTracer({ ...options, endpoint });
}
