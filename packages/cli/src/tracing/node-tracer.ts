import { hostname } from 'node:os';
import { openTracer, type Tracer } from '@streampool/tracing';
import type { Config } from '../config/settings.ts';

/** Traces of this process, to the collector that is configured. */
export function nodeTracer(
  { otlpEndpoint, tracesSampled }: Pick<Config, 'otlpEndpoint' | 'tracesSampled'>,
  { node, role, version }: { node: string; role: string; version: string },
): Promise<Tracer> {
  return openTracer({
    endpoint: otlpEndpoint,
    sampled: tracesSampled,
    resource: {
      'service.name': process.env.OTEL_SERVICE_NAME ?? 'streampool',
      'service.version': version,
      'service.instance.id': node,
      'streampool.role': role,
      'host.name': hostname(),
      'process.pid': process.pid,
    },
  });
}
