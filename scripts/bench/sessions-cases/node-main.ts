/** A node of the sessions bench: a process of its own with its own connection to the store. Takes orders over IPC, and ends with it. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { type ClusterState, openSqliteState, type SessionTouch, TouchGroups } from '@streampool/state';
import { RedisClusterState } from '@streampool/state/redis';
import { Histogram, type Percentiles } from '../measure/histogram.ts';

export type StoreKind = 'redis' | 'sqlite';

export type NodeOrder =
  /** `place`: a URL, or a file. */
  | { readonly order: 'open'; readonly kind: StoreKind; readonly place: string; readonly node: string }
  | { readonly order: 'fill'; readonly from: number; readonly to: number }
  /** Each of these sessions is touched once, as they have been before in a node that runs for a while. */
  | { readonly order: 'warm'; readonly from: number; readonly to: number }
  /** Nothing but looking how late a timer is. */
  | { readonly order: 'idle'; readonly ms: number }
  /** So many touches each second of the sessions from … to, in turn. */
  | {
      readonly order: 'load';
      readonly ask: Asked;
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

const PLAYER = 'VLC/3.0.20 LibVLC/3.0.20';
/** How often the touches that are due are made. */
const TICK_MS = 2;
/** How often it is looked how late the event loop is: that costs processor time itself. */
const LOOK_MS = 10;
/** Of what latencies are counted in. */
const STEP_MS = 0.1;

/** Asks for one touch: the answer, or `lost`. */
type Ask = (touch: SessionTouch) => Promise<string>;

/** The store; nobody, which costs what making touches does; or, as often as the store is asked, whether it is there at all. */
export type Asked = 'store' | 'nobody' | 'presence';

let state: ClusterState | undefined;
let groups: TouchGroups;
/** As many calls, of which each only finds out that the store is there. */
let presence: TouchGroups;
let node = '';
/** The file, in SQLite. */
let file: string | undefined;

function touchOf(n: number): SessionTouch {
  return { id: `session-${n}`, user: `user-${n}`, place: `203.0.113.${n % 256}` };
}

async function open({ kind, place, node: name }: NodeOrder & { order: 'open' }): Promise<void> {
  node = name;
  if (kind === 'redis') state = new RedisClusterState({ url: place, timeoutMs: 20_000 });
  if (kind === 'sqlite') {
    state = await openSqliteState({ path: place });
    file = place;
  }
  const opened = state;
  if (!opened) throw new TypeError(`there is no store ${kind}`);
  groups = new TouchGroups({ state: opened, node });
  presence = new TouchGroups({
    node,
    state: {
      async touchSessions(_, touches) {
        await opened.ping();
        return touches.map(() => 'ok');
      },
    },
  });
  await opened.ping();
}

/**
 * As they would be in the file after a while: what is renewed every 5 s, and what of it is moved in indexes, is due at
 * times of its own. Hundreds of thousands of starts would take longer than everything that is measured.
 */
function fillFile(path: string, from: number, to: number): void {
  const db = new DatabaseSync(path, { timeout: 10_000 });
  const insert = db.prepare(`
    INSERT INTO sessions (id, user, place, ip, player, stream_id, client_id, node, user_agent, started_at_ms, look_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const renew = db.prepare('UPDATE session_activity SET expires_ms = ? WHERE number = ?');
  const now = Date.now();
  db.exec('BEGIN IMMEDIATE');
  for (let n = from; n < to; n++) {
    const { id, user, place } = touchOf(n);
    const described = [
      id,
      user,
      place,
      place,
      `as ${PLAYER}`,
      `stream-${n % 100}`,
      `client-${n}`,
      node,
      PLAYER,
    ];
    const lookMs = now + 12_000 + ((n * 6_151) % 18_000);
    const { lastInsertRowid } = insert.run(...described, now, lookMs);
    renew.run(now + 30_000 + ((n * 7_907) % 5_000), lastInsertRowid);
  }
  db.exec('COMMIT');
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}

async function warm(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 500) {
    const touches = Array.from({ length: Math.min(500, to - n) }, (_, i) => touchOf(n + i));
    await state?.touchSessions(node, touches);
  }
}

async function fill(from: number, to: number): Promise<void> {
  if (file !== undefined) return fillFile(file, from, to);
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
            player: `as ${PLAYER}`,
            streamId: `stream-${n % 100}`,
          },
          ...{
            clientId: `client-${n + i}`,
            node,
            userAgent: PLAYER,
            limit: 2,
            quietMs: 5_000,
          },
        });
      }),
    );
  }
}

const ASK: Readonly<Record<Asked, Ask>> = {
  store: (touch) => groups.touch(touch),
  nobody: async () => 'ok',
  presence: (touch) => presence.touch(touch),
};

/** Runs `work`, which makes touches and is told when its time is over, and measures each from its call to its answer. */
async function measured(
  work: (touch: (n: number) => Promise<void>, over: () => boolean) => Promise<void>,
  ms: number,
  asked: Asked = 'store',
): Promise<NodeResult> {
  const latency = new Histogram(STEP_MS);
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS });
  let lost = 0;
  const touch = async (n: number): Promise<void> => {
    const from = performance.now();
    const answer = await ASK[asked](touchOf(n)).catch(() => 'lost');
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
    // The histogram holds whole intervals: the delay is what is beyond the time between two looks.
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - LOOK_MS),
    cpuSeconds: (user + system) / 1e6,
  };
}

function load({ from, to, perSecond, ms, ask }: NodeOrder & { order: 'load' }): Promise<NodeResult> {
  return measured(
    (touch, isOver) =>
      new Promise((resolve) => {
        const startedAt = performance.now();
        let [made, answered] = [0, 0];
        const onAnswer = (): void => {
          answered += 1;
        };
        const timer = setInterval(() => {
          if (isOver()) {
            if (answered < made) return;
            clearInterval(timer);
            resolve();
            return;
          }
          const due = ((performance.now() - startedAt) / 1_000) * perSecond;
          // Neighbours in time are not neighbours in the store.
          for (; made < due; made++) touch(from + ((made * 7_919) % (to - from))).then(onAnswer);
        }, TICK_MS);
      }),
    ms,
    ask,
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

/**
 * Nothing but a timer of 1 ms. Its figure is what somebody who comes at any moment would wait at 99 of 100, for a
 * percentile of the gaps alone counts one of 100 ms like one of 1 ms.
 */
async function idle(ms: number): Promise<NodeResult> {
  const late: number[] = [];
  const result = await measured(async (_, isOver) => {
    for (let last = performance.now(); !isOver(); ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const now = performance.now();
      late.push(Math.max(0, now - last - 1.5));
      last = now;
    }
  }, ms);
  const shareBeyond = (waitMs: number): number =>
    late.reduce((sum, gap) => sum + Math.max(0, gap - waitMs), 0) / ms;
  let p99 = 0;
  while (shareBeyond(p99) > 0.01) p99 += 0.5;
  return { ...result, loopDelayP99Ms: p99 };
}

async function obey(order: NodeOrder): Promise<NodeResult | undefined> {
  if (order.order === 'open') await open(order);
  else if (order.order === 'fill') await fill(order.from, order.to);
  else if (order.order === 'warm') await warm(order.from, order.to);
  else if (order.order === 'idle') {
    return idle(order.ms);
  } else return order.order === 'load' ? load(order) : flood(order);
  return undefined;
}

process.on('message', async (order: NodeOrder) => {
  process.send?.({ result: await obey(order) });
});
process.on('disconnect', async () => {
  await state?.close();
  process.exit();
});
