import { ClusterMeter, DiskMeter, JobMeter, type Meter, StateMeter } from '@streampool/gateway';
import { type ClusterState, measuredState } from '@streampool/state';
import type { Config } from '../config/settings.ts';

/** What is measured of a process beside its data plane and its API. */
export class NodeMeters {
  readonly jobs = new JobMeter();
  readonly #state = new StateMeter();
  readonly #others: Meter[] = [];

  /** The same state, whose operations are timed. */
  measured<T extends object>(backend: 'sqlite' | 'redis', state: T): T {
    return measuredState(state, this.#state.timers(backend));
  }

  /** For whoever answers for the whole cluster. */
  showNodes(state: Pick<ClusterState, 'listWorkers'>): void {
    this.#others.push(new ClusterMeter(() => state.listWorkers()));
  }

  all({ dataDir }: Pick<Config, 'dataDir'>): Meter[] {
    return [this.#state, this.jobs, new DiskMeter({ data: dataDir }), ...this.#others];
  }
}
