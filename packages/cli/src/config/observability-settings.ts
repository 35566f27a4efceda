import type { Setting } from './setting.ts';
import { decimal, text } from './values.ts';

const httpUrl = text(
  'http:// or https://, a host and maybe a path, without a / at the end',
  /^https?:\/\/[^\s/?#@]+(?:\/[^\s/?#@]+)*$/,
);

/** A setting that may be absent. */
function optional<T>(
  definition: Omit<Setting<T>, 'default' | 'group'>,
): Omit<Setting<T>, 'default'> & { default?: never } {
  return { ...definition, group: 'Observability' };
}

/** How a process is watched from outside. */
export const OBSERVABILITY_SETTINGS = {
  metricsUrl: optional({
    env: 'METRICS_URL',
    about:
      'Where Prometheus reaches this process (its /metrics, without that), as GET /sd/prometheus says; by default WORKER_URL, or HOST and PORT',
    type: httpUrl,
  }),
  otlpEndpoint: optional({
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    about:
      'Base URL of an OpenTelemetry collector (OTLP over HTTP) that is sent traces. Without it nothing is traced',
    type: httpUrl,
  }),
  otlpHeaders: optional({
    env: 'OTEL_EXPORTER_OTLP_HEADERS',
    about: 'What the collector wants to be told with each request, such as Authorization=Bearer%20…',
    type: text('name=value,name=value with values percent-encoded', /^[\w-]+=[^,\s]+(?:,[\w-]+=[^,\s]+)*$/),
    secret: true,
  }),
  otelServiceName: {
    env: 'OTEL_SERVICE_NAME',
    group: 'Observability',
    about: 'What the collector calls this installation',
    type: text('letters, digits and . _ -', /^[\w.-]{1,64}$/),
    default: 'streampool',
  } as Setting<string> & { default: string },
  tracesSampled: {
    env: 'OTEL_TRACES_SAMPLER_ARG',
    group: 'Observability',
    about: 'The share of the traces that begin here and are kept, 0 to 1',
    type: decimal(0, 1),
    default: '1',
  } as Setting<number> & { default: string },
};
