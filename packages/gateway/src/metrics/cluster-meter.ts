import type { WorkerRecord } from '@streampool/state';
import { Gauge, type Registry } from 'prom-client';
import type { Meter } from './duration-histogram.ts';
import { withinPatience } from './job-meter.ts';

const ROLES = ['gateway', 'worker'] as const;
const STATUSES = ['ready', 'draining', 'silent'] as const;

/** The nodes of the cluster, as the state knows them: a node that died cannot say so itself. */
export class ClusterMeter implements Meter {
  readonly #listWorkers: () => Promise<readonly WorkerRecord[]>;

  constructor(listWorkers: () => Promise<readonly WorkerRecord[]>) {
    this.#listWorkers = listWorkers;
  }

  register(registry: Registry): void {
    const gauge: Gauge<'node_role' | 'status'> = new Gauge({
      name: 'streampool_nodes',
      help: 'Nodes of the cluster by their role and what they do (silent: not heard of for a lease, and not cleared away yet). All gateways see the same ones: take the maximum, not the sum.',
      labelNames: ['node_role', 'status'],
      registers: [registry],
      collect: async () => {
        const workers = await withinPatience(this.#listWorkers());
        gauge.reset();
        if (!workers) return;
        const nodes = workers.map(({ role = 'worker', status, alive }) => ({
          role,
          status: alive === false ? 'silent' : status,
        }));
        for (const role of ROLES) {
          for (const status of STATUSES) {
            const count = nodes.filter((node) => node.role === role && node.status === status).length;
            gauge.set({ node_role: role, status }, count);
          }
        }
      },
    });
  }
}
