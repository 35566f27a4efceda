import type { Setting } from './settings.ts';
import { text } from './values.ts';

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
};
