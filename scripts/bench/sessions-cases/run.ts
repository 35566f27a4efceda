import type { Asked, NodeResult } from './node-main.ts';
import { NodeProcess } from './node-process.ts';
import type { Place } from './place.ts';

/** A user asks for a playlist and a segment every 6 s, and each asks the state: what the workload is measured by. */
export const TOUCHES_PER_USER_AND_SECOND = 2 / 6;
/** Touches that are under way at once when a store is given all that it takes; of all processes together. */
const AT_ONCE = 1_024;

/** What several processes measured at once. */
export interface Figures {
  readonly perSecond: number;
  /** Not answered `ok`: 0, or something is wrong. */
  readonly lost: number;
  /** The median of the processes' medians, the largest of their p99. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loopDelayP99Ms: number;
  /** Of one core, all nodes together with their threads, and with what making the touches costs. */
  readonly cpuPercent: number;
  /** What making those touches costs: the same nodes made as many just before and after that asked nobody. Undefined where they come as fast as they go. */
  readonly bareCpuPercent?: number;
  /** What asking the store costs: the difference of the two. */
  readonly storeCpuPercent?: number;
  /** Of that, what as many questions cost that are answered with nothing: going there and back, which is the machine's and the client's part. */
  readonly tripCpuPercent?: number;
  /** The same of the store's own server, where it has one. */
  readonly serverCpuPercent: number;
  /** Touches for a second of CPU of the nodes, and of the server: what they could do if nobody else wanted the processors. */
  readonly perCpuSecond: number;
  readonly perServerCpuSecond?: number;
  /** How late the timers of a process were that did nothing else, meanwhile; p99. Undefined where the load takes all processors itself. */
  readonly controlP99Ms?: number;
  /** The control was late: others wanted the processors too, so times say nothing of the store. */
  readonly isNoisy?: boolean;
}

/** Later than that, and somebody else had the processors; ms. */
const NOISY_MS = 2;

export interface UsersResult {
  readonly store: 'redis' | 'sqlite';
  readonly processes: number;
  readonly users: number;
  /** At the users' own pace. */
  readonly load: Figures;
  /** As fast as it goes. */
  readonly most: Figures;
}

export interface Durations {
  readonly loadMs: number;
  readonly mostMs: number;
}

/** The nodes of one store. */
export class Nodes {
  readonly #place: Place;
  readonly #nodes: readonly NodeProcess[];
  readonly #control = new NodeProcess();
  #filled = 0;

  private constructor(place: Place, nodes: readonly NodeProcess[]) {
    this.#place = place;
    this.#nodes = nodes;
  }

  static async open(place: Place, processes: number): Promise<Nodes> {
    const nodes = Array.from({ length: processes }, () => new NodeProcess());
    await Promise.all(
      nodes.map((node, i) =>
        node.obey({ order: 'open', kind: place.kind, place: place.at, node: `node-${i}` }),
      ),
    );
    return new Nodes(place, nodes);
  }

  async fill(users: number): Promise<void> {
    if (users <= this.#filled) return;
    await this.#nodes[0]?.obey({ order: 'fill', from: this.#filled, to: users });
    if (this.#place.kind === 'sqlite')
      await Promise.all(
        this.#nodes.map((node, i) => node.obey({ order: 'warm', ...this.#part(i, this.#filled, users) })),
      );
    this.#filled = users;
  }

  /** `perSecond`: of all processes together. `ms`: of the store's part; what it is compared with takes twice as long. */
  async load(users: number, perSecond: number, ms: number): Promise<Figures> {
    const part = (ask: Asked, partMs: number): Promise<Figures> =>
      this.#together(users, (node, from, to) =>
        node.measure({ order: 'load', ask, from, to, perSecond: perSecond / this.#nodes.length, ms: partMs }),
      );
    const before = await part('nobody', ms / 2);
    const trip = await part('presence', ms);
    const [figures, control] = await Promise.all([
      part('store', ms),
      this.#control.measure({ order: 'idle', ms }),
    ]);
    const after = await part('nobody', ms / 2);
    const bareCpuPercent = (before.cpuPercent + after.cpuPercent) / 2;
    const controlP99Ms = control.loopDelayP99Ms;
    return {
      ...figures,
      ...{ bareCpuPercent, storeCpuPercent: Math.max(0, figures.cpuPercent - bareCpuPercent) },
      tripCpuPercent: Math.max(0, trip.cpuPercent - bareCpuPercent),
      ...{ controlP99Ms, isNoisy: controlP99Ms > NOISY_MS },
    };
  }

  most(users: number, ms: number): Promise<Figures> {
    const atOnce = Math.ceil(AT_ONCE / this.#nodes.length);
    return this.#together(users, (node, from, to) => node.measure({ order: 'flood', from, to, atOnce, ms }));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes, this.#control].map((node) => node.close()));
  }

  /** Which of the users are those of process `i`. */
  #part(i: number, first: number, end: number): { from: number; to: number } {
    const share = (end - first) / this.#nodes.length;
    return { from: first + Math.round(i * share), to: first + Math.round((i + 1) * share) };
  }

  /** Each process has its own part of the users. */
  async #together(
    users: number,
    measure: (node: NodeProcess, from: number, to: number) => Promise<NodeResult>,
  ): Promise<Figures> {
    const before = await this.#place.serverCpuSeconds();
    const startedAt = performance.now();
    const results = await Promise.all(
      this.#nodes.map((node, i) => {
        const { from, to } = this.#part(i, 0, users);
        return measure(node, from, to);
      }),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    return figuresOf(results, ((await this.#place.serverCpuSeconds()) - before) / seconds);
  }
}

export function figuresOf(results: readonly NodeResult[], serverCpu: number): Figures {
  const sum = (of: (result: NodeResult) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const medians = results.map(({ latency }) => latency.p50).sort((a, b) => a - b);
  const perSecond = sum(({ touches, seconds }) => touches / seconds);
  const cpu = sum(({ cpuSeconds, seconds }) => cpuSeconds / seconds);
  return {
    perCpuSecond: Math.round(perSecond / cpu),
    ...(serverCpu > 0 && { perServerCpuSecond: Math.round(perSecond / serverCpu) }),
    perSecond: Math.round(perSecond),
    lost: sum(({ lost }) => lost),
    p50Ms: medians[Math.floor(medians.length / 2)] ?? 0,
    p99Ms: Math.max(...results.map(({ latency }) => latency.p99)),
    loopDelayP99Ms: Math.max(...results.map(({ loopDelayP99Ms }) => loopDelayP99Ms)),
    cpuPercent: 100 * cpu,
    serverCpuPercent: 100 * serverCpu,
  };
}

/** All sizes of one store with that many processes. */
export async function runUsers(
  open: () => Promise<Place>,
  processes: number,
  sizes: readonly number[],
  { loadMs, mostMs }: Durations,
  say: (text: string) => void,
): Promise<UsersResult[]> {
  const place = await open();
  const nodes = await Nodes.open(place, processes);
  try {
    const results: UsersResult[] = [];
    for (const users of sizes) {
      await nodes.fill(users);
      const load = await nodes.load(users, users * TOUCHES_PER_USER_AND_SECOND, loadMs);
      const most = await nodes.most(users, mostMs);
      say(`${place.kind}, ${processes} processes, ${users} users: up to ${most.perSecond} touches/s`);
      results.push({ store: place.kind, processes, users, load, most });
    }
    return results;
  } finally {
    await nodes.close();
    await place.close();
  }
}
