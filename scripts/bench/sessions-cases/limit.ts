import type { Place } from './place.ts';
import { type Figures, Nodes, TOUCHES_PER_USER_AND_SECOND } from './run.ts';

/** What one node must manage for so many users, for a store to be enough for them. */
export const ENOUGH = {
  /**
   * 99 of 100 touches are answered within this; ms. Four of them are what touches wait for each other, and nearer to those a moment
   * of the machine's decides, whatever the number of users is.
   */
  p99Ms: 10,
  /** 99 of 100 times the event loop is no later than this; ms. */
  loopDelayP99Ms: 5,
  /** Asking takes no more than this of a core, the store's thread included. */
  storeCpuPercent: 50,
  /** Of the touches that are due. */
  takenShare: 0.97,
} as const;

/** Each number of users is measured so often, and the middle of each figure counts: one moment of somebody else's decides nothing. */
const TIMES = 3;
/** Measurements of one number at most, where some are noisy. */
const MOST_TIMES = 5;
/** The search ends when what it is not enough for is less than so many times what it is enough for. */
const CLOSE_ENOUGH = 1.25;

type Judged = Pick<Figures, 'perSecond' | 'p50Ms' | 'p99Ms' | 'loopDelayP99Ms' | 'cpuPercent'> & {
  readonly storeCpuPercent: number;
};

/** One step of the search. */
export interface Step {
  readonly users: number;
  /** The middle of each figure. */
  readonly load: Judged;
  readonly lost: number;
  /** Which of {@link ENOUGH} it missed; none: it is enough. */
  readonly missed: readonly string[];
  /** No more than half of the measurements were undisturbed. */
  readonly isNoisy: boolean;
}

export interface Verdict {
  /** One node of this store keeps up with so many; null: with none that were tried. */
  readonly enoughFor: number | null;
  readonly touchesPerSecond: number;
  /** The fewest that it did not keep up with; null: there were none. */
  readonly notFor: number | null;
  /** What it missed then. */
  readonly because: readonly string[];
  /** A step failed while others had the processors too: the store may well do better. */
  readonly isNoisy: boolean;
  readonly steps: readonly Step[];
}

export interface Search {
  readonly from: number;
  readonly most: number;
  /** Of one measurement. */
  readonly ms: number;
  /** No step begins after that, of `performance.now()`. */
  readonly until: number;
}

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
      const isEnough = step.missed.length === 0;
      if (isEnough) enough = step;
      else tooMany = step;
      const verdict = isEnough ? 'enough' : `not enough (${step.missed.join(', ')})`;
      say(
        `${place.kind}, ${step.users} users: ${verdict}, p99 ${step.load.p99Ms.toFixed(1)} ms${step.isNoisy ? ', noisy' : ''}`,
      );
      // Fewer users would be as late, and say as little.
      if (!isEnough && step.isNoisy) break;
    }
  } finally {
    await nodes.close();
    await place.close();
  }
  return {
    enoughFor: enough?.users ?? null,
    touchesPerSecond: enough?.load.perSecond ?? 0,
    notFor: tooMany?.users ?? null,
    because: tooMany?.missed ?? [],
    isNoisy: steps.some(({ missed, isNoisy }) => missed.length > 0 && isNoisy),
    steps,
  };
}

/** Noisy measurements count only where there are too few others. */
async function tryUsers(nodes: Nodes, users: number, ms: number): Promise<Step> {
  await nodes.fill(users);
  const wanted = users * TOUCHES_PER_USER_AND_SECOND;
  const [good, noisy]: [Figures[], Figures[]] = [[], []];
  while (good.length < TIMES && good.length + noisy.length < MOST_TIMES) {
    const load = await nodes.load(users, wanted, ms);
    (load.isNoisy ? noisy : good).push(load);
  }
  const isNoisy = good.length <= TIMES / 2;
  const counted = isNoisy ? [...good, ...noisy] : good;
  const middle = (of: (load: Figures) => number): number =>
    counted.map(of).sort((a, b) => a - b)[Math.floor(counted.length / 2)] ?? 0;
  const load: Judged = {
    perSecond: middle(({ perSecond }) => perSecond),
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
    loopDelayP99Ms: middle(({ loopDelayP99Ms }) => loopDelayP99Ms),
    cpuPercent: middle(({ cpuPercent }) => cpuPercent),
    storeCpuPercent: middle(({ storeCpuPercent = 0 }) => storeCpuPercent),
  };
  const lost = counted.reduce((sum, figures) => sum + figures.lost, 0);
  return { users, load, lost, missed: missedBy(load, lost, wanted), isNoisy };
}

function missedBy(load: Judged, lost: number, wanted: number): string[] {
  return [
    ...(lost > 0 ? [`${lost} touches lost`] : []),
    ...(load.perSecond < wanted * ENOUGH.takenShare ? ['touches not taken in time'] : []),
    ...(load.p99Ms > ENOUGH.p99Ms ? [`p99 above ${ENOUGH.p99Ms} ms`] : []),
    ...(load.loopDelayP99Ms > ENOUGH.loopDelayP99Ms
      ? [`event loop later than ${ENOUGH.loopDelayP99Ms} ms`]
      : []),
    ...(load.storeCpuPercent > ENOUGH.storeCpuPercent
      ? [`more than ${ENOUGH.storeCpuPercent} % of a core`]
      : []),
  ];
}
