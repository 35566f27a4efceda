import type { ClusterState, WorkerRecord } from '@streampool/state';
import type { NodeReport } from './node-report.ts';

/** Health checks come every few seconds from several sides; each node is asked once for all of them, ms. */
const VALID_MS = 1_000;

export interface ClusterFiguresOptions {
  readonly state: Pick<ClusterState, 'listWorkers'>;
  readonly nodeId: string;
  /** Of this process. */
  readonly own: () => NodeReport;
  /** Of another node; undefined where it does not answer in time. Absent: there are no others. */
  readonly ask?: ((node: string) => Promise<NodeReport | undefined>) | undefined;
  /** Monotonic, ms. */
  readonly now?: () => number;
}

export interface ReportedNode {
  readonly node: string;
  readonly role: 'worker' | 'gateway';
  /** Absent: it did not answer. */
  readonly report?: NodeReport;
}

/** What all nodes say of themselves, asked by whoever wants to know, and at most once a second. */
export class ClusterFigures {
  readonly #options: ClusterFiguresOptions;
  readonly #now: () => number;
  #asked: { readonly atMs: number; readonly answer: Promise<readonly ReportedNode[]> } | undefined;

  constructor(options: ClusterFiguresOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** This node first. Never rejects: whoever cannot be asked is not there, or has no report. */
  nodes(): Promise<readonly ReportedNode[]> {
    const now = this.#now();
    if (!this.#asked || now - this.#asked.atMs > VALID_MS) this.#asked = { atMs: now, answer: this.#ask() };
    return this.#asked.answer;
  }

  async #ask(): Promise<readonly ReportedNode[]> {
    const { state, nodeId, own, ask } = this.#options;
    if (!ask) return [{ node: nodeId, role: 'gateway', report: own() }];
    // Without the state this node still knows itself.
    const workers = await state.listWorkers().catch((): WorkerRecord[] => []);
    const others = workers.filter(({ id }) => id !== nodeId);
    const answers = await Promise.all(
      others.map(async ({ id, role = 'worker', alive }): Promise<ReportedNode> => {
        const report = alive === false ? undefined : await ask(id).catch(() => undefined);
        return { node: id, role, ...(report && { report }) };
      }),
    );
    const role = workers.find(({ id }) => id === nodeId)?.role ?? 'gateway';
    return [{ node: nodeId, role, report: own() }, ...answers];
  }
}
