/** A node of the sessions bench: a process of its own with its own connection to the store. Takes orders over IPC, and ends with it. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import {
  type ClusterState,
  openSqliteState,
  RedisClusterState,
  type SessionState,
  type SessionTouch,
  TouchGroups,
} from '@streampool/state';
import { Histogram, type Percentiles } from '../measure/histogram.ts';

export type StoreKind = 'redis' | 'sqlite' | 'none';

export type NodeOrder =
  /** `place`: a URL, or a file. */
  | { readonly order: 'open'; readonly kind: StoreKind; readonly place: string; readonly node: string }
  | { readonly order: 'fill'; readonly from: number; readonly to: number }
  /** So many touches each second of the sessions from … to, in turn. */
  | {
      readonly order: 'load';
      readonly from: number;
      readonly to: number;
      readonly perSecond: number;
      readonly ms: number;
    }
  /** As many touches as the store takes, `atOnce` of them under way. */
  | {
      readonly order: 'flood';
      readonly from: number;
      readonly to: number;
      readonly atOnce: number;
      readonly ms: number;
    };

export interface NodeResult {
  readonly touches: number;
  /** Not answered `ok`. */
  readonly lost: number;
  readonly seconds: number;
  readonly latency: Percentiles;
  readonly loopDelayP99Ms: number;
  /** User and system, all threads. */
  readonly cpuSeconds: number;
}

/** A store that answers at once: what is measured against it is the load's own. */
const NOTHING: Pick<SessionState, 'touchSessions'> = {
  touchSessions: async (_, touches) => touches.map(() => 'ok'),
};
/** How often the touches that are due are made. */
const TICK_MS = 2;

let state: ClusterState | undefined;
let groups: TouchGroups;
let node = '';

function touchOf(n: number): SessionTouch {
  return { id: `session-${n}`, user: `user-${n}`, place: `203.0.113.${n % 256}` };
}

async function open({ kind, place, node: name }: NodeOrder & { order: 'open' }): Promise<void> {
  node = name;
  if (kind === 'redis') state = new RedisClusterState({ url: place, timeoutMs: 20_000 });
  if (kind === 'sqlite') state = await openSqliteState({ path: place });
  groups = new TouchGroups({ state: state ?? NOTHING, node });
  await state?.ping();
}

async function fill(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 256) {
    await Promise.all(
      Array.from({ length: Math.min(256, to - n) }, (_, i) => {
        const { id, user, place } = touchOf(n + i);
        return state?.startSession({
          ...{
            id,
            user,
            place,
            ip: place,
            player: 'as VLC/3.0.20 LibVLC/3.0.20',
            streamId: `stream-${n % 100}`,
          },
          ...{
            clientId: `client-${n + i}`,
            node,
            userAgent: 'VLC/3.0.20 LibVLC/3.0.20',
            limit: 2,
            quietMs: 5_000,
          },
        });
      }),
    );
  }
}

/** Runs `work`, which makes touches, and measures them. */
async function measured(
  work: (touch: (n: number) => Promise<void>, over: () => boolean) => Promise<void>,
  ms: number,
): Promise<NodeResult> {
  const latency = new Histogram();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let lost = 0;
  const touch = async (n: number): Promise<void> => {
    const from = performance.now();
    const answer = await groups.touch(touchOf(n)).catch(() => 'lost');
    latency.add(performance.now() - from);
    if (answer !== 'ok') lost += 1;
  };
  delay.enable();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await work(touch, () => performance.now() - startedAt >= ms);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  return {
    ...{ touches: latency.count, lost, seconds, latency: latency.summary() },
    // The histogram holds whole intervals: the delay is what is beyond the 1 ms between two looks.
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1),
    cpuSeconds: (user + system) / 1e6,
  };
}

function load({ from, to, perSecond, ms }: NodeOrder & { order: 'load' }): Promise<NodeResult> {
  return measured(
    (touch, isOver) =>
      new Promise((resolve) => {
        const startedAt = performance.now();
        const under = new Set<Promise<void>>();
        let made = 0;
        const timer = setInterval(() => {
          const due = ((performance.now() - startedAt) / 1_000) * perSecond;
          for (; made < due; made++) {
            // Neighbours in time are not neighbours in the store.
            const one = touch(from + ((made * 7_919) % (to - from))).finally(() => under.delete(one));
            under.add(one);
          }
          if (!isOver()) return;
          clearInterval(timer);
          void Promise.all(under).then(() => resolve());
        }, TICK_MS);
      }),
    ms,
  );
}

function flood({ from, to, atOnce, ms }: NodeOrder & { order: 'flood' }): Promise<NodeResult> {
  let made = 0;
  return measured(async (touch, isOver) => {
    const viewer = async (): Promise<void> => {
      while (!isOver()) await touch(from + ((made++ * 7_919) % (to - from)));
    };
    await Promise.all(Array.from({ length: atOnce }, viewer));
  }, ms);
}

async function obey(order: NodeOrder): Promise<NodeResult | undefined> {
  if (order.order === 'open') await open(order);
  else if (order.order === 'fill') await fill(order.from, order.to);
  else return order.order === 'load' ? load(order) : flood(order);
  return undefined;
}

process.on('message', async (order: NodeOrder) => {
  process.send?.({ result: await obey(order) });
});
process.on('disconnect', async () => {
  await state?.close();
  process.exit();
});
