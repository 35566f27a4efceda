import type { WorkerRecord } from '@streampool/state';
import { z } from 'zod';
import { type Route, route } from '../http/route.ts';
import type { Services } from './services.ts';

const targets = z.array(
  z.object({
    targets: z.array(z.string()).describe('host:port'),
    labels: z.record(z.string(), z.string()),
  }),
);

/** Who is to be asked for metrics, for `http_sd_configs` of Prometheus. */
export function serviceDiscoveryRoutes({ state }: Services): Route[] {
  return [
    route({
      method: 'get',
      path: '/sd/prometheus',
      access: 'token',
      tag: 'Server',
      summary: 'Gateways and workers, as Prometheus’ HTTP service discovery reads them',
      description:
        'Each process with the labels `role` and `node`, at its METRICS_URL (WORKER_URL by default). One that has ceased to ' +
        'answer is listed until it is cleared away, so that it is seen to be down. Give Prometheus the token for this as for ' +
        '/metrics: `authorization: {credentials_file: …}`.',
      quiet: true,
      errors: ['STATE_UNAVAILABLE'],
      answers: { 200: { description: 'Targets', schema: targets } },
      async handle() {
        return (await state.listWorkers()).map(targetOf);
      },
    }),
  ];
}

function targetOf(worker: WorkerRecord): z.output<typeof targets>[number] {
  const { protocol, hostname, port, pathname } = new URL(worker.metricsUrl ?? worker.url);
  const scheme = protocol.slice(0, -1);
  const path = pathname.replace(/\/+$/, '');
  return {
    targets: [`${hostname}:${port || (scheme === 'https' ? 443 : 80)}`],
    labels: {
      role: worker.role ?? 'worker',
      node: worker.id,
      ...(scheme !== 'http' && { __scheme__: scheme }),
      ...(path !== '' && { __metrics_path__: `${path}/metrics` }),
    },
  };
}
