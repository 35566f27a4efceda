import { ClusterMeter, DiskMeter, JobMeter, type Meter, StateMeter } from '@streampool/gateway';
import { type ClusterState, measuredState } from '@streampool/state';
import type { Config } from '../config/settings.ts';
import { segmentStorageOptions } from '../serve/hls-from-config.ts';

/** What is measured of a process beside its data plane and its API. */
export class NodeMeters {
  readonly jobs = new JobMeter();
  readonly #state = new StateMeter();
  readonly #others: Meter[] = [];

  /** The same state, whose operations are timed. */
  measured<T extends object>(backend: 'sqlite' | 'redis', state: T): T {
    return measuredState(state, this.#state.timers(backend));
  }

  add(meter: Meter): void {
    this.#others.push(meter);
  }

  /** For whoever answers for the whole cluster. */
  showNodes(state: Pick<ClusterState, 'listWorkers'>): void {
    this.add(new ClusterMeter(() => state.listWorkers()));
  }

  all(config: Config): Meter[] {
    const { directory: hls } = segmentStorageOptions(config);
    const disks = new DiskMeter({
      ...{ data: config.dataDir, broadcasts: config.broadcastDir, recordings: config.recordingDir },
      ...(hls !== undefined && { hls }),
    });
    return [this.#state, this.jobs, disks, ...this.#others];
  }
}
