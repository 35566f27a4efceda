import type { NodeResult } from './node-main.ts';
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
  /** Of one core, all nodes together with their threads. */
  readonly cpuPercent: number;
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
const NOISY_MS = 5;

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

  /** `perSecond`: of all processes together. */
  async load(users: number, perSecond: number, ms: number): Promise<Figures> {
    const [figures, control] = await Promise.all([
      this.#together(users, (node, from, to) =>
        node.measure({ order: 'load', from, to, perSecond: perSecond / this.#nodes.length, ms }),
      ),
      this.#control.measure({ order: 'idle', ms }),
    ]);
    const controlP99Ms = control.loopDelayP99Ms;
    return { ...figures, controlP99Ms, isNoisy: controlP99Ms > NOISY_MS };
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

/** What one node needs to make so many touches a second, and nothing else: of one core. */
export async function ownCpuPercent(perSecond: number, ms: number): Promise<number> {
  const node = new NodeProcess();
  try {
    await node.obey({ order: 'open', kind: 'none', place: '', node: 'nobody' });
    const result = await node.measure({ order: 'load', from: 0, to: 10_000, perSecond, ms });
    return figuresOf([result], 0).cpuPercent;
  } finally {
    await node.close();
  }
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

/** One step of the search for the number of users that a store is not enough for. */
export interface Step {
  readonly users: number;
  readonly load: Figures;
  readonly isEnough: boolean;
}

export interface Verdict {
  /** One node of this store keeps up with so many; null: with none that were tried. */
  readonly enoughFor: number | null;
  readonly touchesPerSecond: number;
  /** The fewest that it did not keep up with; null: there were none. */
  readonly notFor: number | null;
  /** A step failed while the control was late too: the store may well do better. */
  readonly isNoisy: boolean;
  readonly steps: readonly Step[];
}

export interface Search {
  readonly from: number;
  readonly most: number;
  /** Of one step. */
  readonly ms: number;
  /** No step begins after that, of `performance.now()`. */
  readonly until: number;
}

/** A store keeps up with so many users if it takes all their touches, and 99 of 100 are answered within this time; ms. */
const PATIENCE_MS = 5;
/** The search ends when what it is not enough for is less than so many times what it is enough for. */
const CLOSE_ENOUGH = 1.25;

/** Doubles or halves until it has both sides of the limit, and then goes between them. */
export async function findLimit(
  open: () => Promise<Place>,
  { from, most, ms, until }: Search,
  say: (text: string) => void,
): Promise<Verdict> {
  const place = await open();
  const nodes = await Nodes.open(place, 1);
  const steps: Step[] = [];
  let enough: Step | undefined;
  let tooMany: Step | undefined;
  const next = (): number => {
    if (enough && tooMany) return Math.round(Math.sqrt(enough.users * tooMany.users));
    if (enough) return enough.users * 2;
    return tooMany ? Math.round(tooMany.users / 2) : from;
  };
  const isFound = (): boolean =>
    !!enough && (enough.users >= most || (!!tooMany && tooMany.users < enough.users * CLOSE_ENOUGH));
  try {
    while (performance.now() < until && !isFound() && next() >= 100) {
      const step = await tryUsers(nodes, Math.min(most, next()), ms);
      steps.push(step);
      const { users, load, isEnough } = step;
      if (isEnough) enough = step;
      else tooMany = step;
      const noisy = load.isNoisy ? `, noisy: control ${load.controlP99Ms?.toFixed(1)} ms` : '';
      say(
        `${place.kind}, ${users} users: ${isEnough ? 'enough' : 'not enough'}, p99 ${load.p99Ms} ms${noisy}`,
      );
      // Fewer users would be as late, and say as little.
      if (!isEnough && load.isNoisy) break;
    }
  } finally {
    await nodes.close();
    await place.close();
  }
  return {
    enoughFor: enough?.users ?? null,
    touchesPerSecond: enough?.load.perSecond ?? 0,
    notFor: tooMany?.users ?? null,
    isNoisy: steps.some(({ isEnough, load }) => !isEnough && load.isNoisy),
    steps,
  };
}

/** What fails while others have the processors is tried again. */
async function tryUsers(nodes: Nodes, users: number, ms: number): Promise<Step> {
  await nodes.fill(users);
  const wanted = users * TOUCHES_PER_USER_AND_SECOND;
  for (let again = 1; ; again--) {
    const load = await nodes.load(users, wanted, ms);
    const isEnough = load.lost === 0 && load.p99Ms <= PATIENCE_MS && load.perSecond >= wanted * 0.97;
    if (isEnough || !load.isNoisy || again === 0) return { users, load, isEnough };
  }
}
