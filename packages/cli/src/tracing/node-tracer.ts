import { hostname } from 'node:os';
import { openTracer, type Tracer } from '@streampool/tracing';
import type { Config } from '../config/settings.ts';

/** Traces of this process, to the collector that is configured. */
export function nodeTracer(
  config: Pick<Config, 'otlpEndpoint' | 'otlpHeaders' | 'otelServiceName' | 'tracesSampled'>,
  { node, role, version }: { node: string; role: string; version: string },
): Promise<Tracer> {
  return openTracer({
    endpoint: config.otlpEndpoint,
    headers: headersOf(config.otlpHeaders),
    sampled: config.tracesSampled,
    resource: {
      'service.name': config.otelServiceName,
      'service.version': version,
      'service.instance.id': node,
      'streampool.role': role,
      'host.name': hostname(),
      'process.pid': process.pid,
    },
  });
}

/** As OpenTelemetry has them: `name=value,name=value`, values percent-encoded. */
function headersOf(text = ''): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const [name, ...value] = pair.split('=');
    return name && value.length > 0 ? [[name, decoded(value.join('='))]] : [];
  });
  return Object.fromEntries(pairs);
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
