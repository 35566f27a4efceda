import { setTimeout as delay } from 'node:timers/promises';
import { api, waitFor } from '@streampool/testkit';
import type { Site } from '../failover-cases/site.ts';
import { say } from '../measure/report.ts';
import type { FaultyProvider } from '../servers/faulty-provider.ts';
import { Memory, type MemoryTrend } from './memory.ts';
import { ALLOWED_CONNECTIONS, type Channel, leave, Programme, tune } from './programme.ts';
import { generator, pick } from './random.ts';

export interface SoakPlan {
  readonly minutes: number;
  readonly seed: number;
  /** Per channel, at first. */
  readonly viewers: number;
}

export interface SoakResult {
  readonly seed: number;
  readonly minutes: number;
  readonly events: Readonly<Record<string, number>>;
  /** Viewers of pools whom the server left. */
  readonly dropped: number;
  /** Viewers of direct streams whom the server left, which killed workers may explain. */
  readonly droppedDirect: number;
  readonly errors: { readonly sync: number; readonly continuity: number; readonly time: number };
  /** The longest that any viewer was without bytes; ms. */
  readonly longestSilenceMs: number;
  readonly memory: readonly MemoryTrend[];
  readonly limitedMost: number;
  readonly left: { readonly ffmpegs: number; readonly connections: number; readonly slots: number };
  /** Sentences; none is what is wanted. */
  readonly failures: readonly string[];
  readonly notes: readonly string[];
}

const SAMPLE_MS = 5_000;
/** From one event to the next, at least and at most. */
const PACE_MS = [600, 2_200] as const;
/** How long the source of an error stays as it is. */
const ERROR_MS = 6_000;
/** Nobody may be without bytes for so long: silence is noticed after 3 s, and other sources are there. */
const STUCK_MS = 15_000;
const KILL_EVERY_MS = 25_000;
const PLAYING = ['live', 'switching', 'starting', 'draining'];

type Event = readonly [name: string, weight: number, happen: () => Promise<void>];

/** Random faults on all streams at once, then calm, then nobody: what may not be there then is counted. */
export class Soak {
  readonly #site: Site;
  readonly #providers: readonly [FaultyProvider, FaultyProvider];
  readonly #plan: SoakPlan;
  readonly #random: () => number;
  readonly #events: Record<string, number> = {};
  readonly #failures: string[] = [];
  readonly #memory = new Memory();
  readonly #pending = new Set<Promise<void>>();
  /** Channels one of whose sources is bad at the moment: the others are their hope. */
  readonly #harmed = new Set<Channel>();
  #programme!: Programme;
  #lastKillMs = 0;
  #kills = 0;
  #longestSilenceMs = 0;
  #limitedMost = 0;

  /** The providers are closed by whoever started them. */
  constructor(site: Site, providers: readonly [FaultyProvider, FaultyProvider], plan: SoakPlan) {
    this.#site = site;
    this.#providers = providers;
    this.#plan = plan;
    this.#random = generator(plan.seed);
  }

  async run(): Promise<SoakResult> {
    this.#programme = await Programme.open(this.#site, this.#providers, this.#plan);
    try {
      await delay(3_000);
      await Promise.all(this.#programme.providers.map((provider) => provider.watch()));
      await this.#storm();
      await this.#calm();
      return await this.#silence();
    } finally {
      await this.#programme.close();
    }
  }

  async #storm(): Promise<void> {
    const endMs = performance.now() + this.#plan.minutes * 60_000;
    let sampleMs = 0;
    let sayMs = performance.now() + 60_000;
    while (performance.now() < endMs) {
      await this.#happen();
      if (performance.now() >= sampleMs) {
        sampleMs = performance.now() + SAMPLE_MS;
        await this.#look();
      }
      if (performance.now() >= sayMs) {
        sayMs += 60_000;
        say(
          `${Math.round((endMs - performance.now()) / 60_000)} minutes to go: ${JSON.stringify(this.#events)}`,
        );
      }
      await delay(PACE_MS[0] + this.#random() * (PACE_MS[1] - PACE_MS[0]));
    }
    await Promise.all(this.#pending);
  }

  async #happen(): Promise<void> {
    const channel = pick(this.#random, this.#programme.channels);
    const events: Event[] = [
      ['zap', 3, () => this.#zap(channel)],
      ['ffmpeg killed', 2, () => this.#killFfmpeg()],
    ];
    if (!this.#harmed.has(channel)) {
      events.push(
        ['cut', 3, () => this.#harm(channel, (path) => channel.provider.cut(path), 1_500)],
        ['stall', 2, () => this.#harm(channel, (path) => channel.provider.stall(path), 6_000)],
        ['error', 2, () => this.#harm(channel, (path) => this.#error(channel, path), ERROR_MS)],
      );
      events.push(['manual', 2, () => this.#failover(channel)]);
    }
    const mayKill = performance.now() - this.#lastKillMs > KILL_EVERY_MS && this.#pending.size === 0;
    if (this.#site.killWorker && mayKill) events.push(['worker killed', 3, () => this.#killWorker()]);
    let at = this.#random() * events.reduce((sum, [, weight]) => sum + weight, 0);
    const chosen = events.find(([, weight]) => {
      at -= weight;
      return at < 0;
    });
    const [name, , happen] = chosen ?? events[0]!;
    this.#events[name] = (this.#events[name] ?? 0) + 1;
    await happen().catch((error: unknown) =>
      this.#fail(`${name}, ${channel.name}: ${(error as Error).message}`),
    );
  }

  /** One source of a stream goes wrong, and is well again after a while. */
  async #harm(channel: Channel, harm: (path: string) => Promise<void>, ms: number): Promise<void> {
    const { byPath } = await channel.provider.counts();
    const path = channel.paths.find((candidate) => byPath[candidate]! > 0);
    if (path === undefined) return;
    this.#harmed.add(channel);
    await harm(path);
    this.#later(ms, async () => {
      await channel.provider.repair(path);
      this.#harmed.delete(channel);
    });
  }

  async #error(channel: Channel, path: string): Promise<void> {
    await channel.provider.fault(
      path,
      this.#random() < 0.5 ? { kind: 'html' } : { kind: 'status', status: 503 },
    );
    await channel.provider.cut(path);
  }

  async #failover(channel: Channel): Promise<void> {
    const door = pick(this.#random, this.#site.doors);
    const { status, text } = await api(door, 'POST', `/streams/${channel.id}/failover`, {});
    // Another source may be bad at this moment, or the stream between two: then nothing has changed, and it says so.
    if (status >= 500 && status !== 502 && status !== 503 && status !== 504)
      this.#fail(`POST /streams/{id}/failover answered ${status}: ${text}`);
  }

  async #zap(from: Channel): Promise<void> {
    const others = this.#programme.channels.filter(
      (channel) => channel !== from && (channel.kind === 'direct') === (from.kind === 'direct'),
    );
    if (from.viewers <= 1 || others.length === 0) return;
    const count = 1 + Math.floor(this.#random() * Math.min(3, from.viewers - 1));
    await leave(from, count);
    await tune(pick(this.#random, others), count);
  }

  async #killFfmpeg(): Promise<void> {
    const running = this.#site.ffmpegs();
    if (running.length === 0) return;
    try {
      process.kill(pick(this.#random, running).pid, 'SIGKILL');
    } catch {
      // Gone since it was listed.
    }
  }

  async #killWorker(): Promise<void> {
    this.#lastKillMs = performance.now();
    this.#kills += 1;
    const { restarted } = await this.#site.killWorker!(Math.floor(this.#random() * 1_000));
    this.#track(restarted);
  }

  async #look(): Promise<void> {
    this.#memory.sample(this.#site.nodes());
    for (const audience of [this.#programme.pooled, this.#programme.direct]) {
      const { silentMs, longestGapMs } = await audience.report();
      this.#longestSilenceMs = Math.max(this.#longestSilenceMs, silentMs, longestGapMs);
      if (silentMs > STUCK_MS) this.#fail(`a viewer has had no bytes for ${Math.round(silentMs / 1_000)} s`);
    }
    const { most, beforeMost } = await this.#programme.providers[1]!.counts();
    if (most > ALLOWED_CONNECTIONS && most > this.#limitedMost)
      this.#fail(
        `${most} connections at a provider that allows ${ALLOWED_CONNECTIONS}: ${beforeMost.join('; ')}`,
      );
    this.#limitedMost = Math.max(this.#limitedMost, most);
  }

  /** Nothing goes wrong any more: everybody has pictures within a moment. */
  async #calm(): Promise<void> {
    const { channels, pooled } = this.#programme;
    const isWell = async (): Promise<boolean> => {
      const states = await Promise.all(channels.map((channel) => this.#stateOf(channel)));
      return states.every((state) => state === 'live') && (await pooled.report()).silentMs < 1_000;
    };
    await waitFor(isWell, { timeoutMs: 30_000, everyMs: 250 }).catch(async () => {
      const states = await Promise.all(
        channels.map(async (channel) => `${channel.name} ${await this.#stateOf(channel)}`),
      );
      const { silentMs } = await pooled.report();
      this.#fail(`not well after the faults: ${states.join(', ')}; silent for ${Math.round(silentMs)} ms`);
    });
    await delay(2_000);
    await this.#look();
  }

  /** Everybody hangs up: nothing may be left. */
  async #silence(): Promise<SoakResult> {
    const { pooled, direct, channels, providers } = this.#programme;
    const [reports, memory] = [[await pooled.report(), await direct.report()], this.#memory.trends()];
    await Promise.all([pooled.disconnect(), direct.disconnect()]);
    const left = async () => ({
      ffmpegs: this.#site.ffmpegs().length,
      connections: (await Promise.all(providers.map((provider) => provider.counts()))).reduce(
        (sum, { current }) => sum + current,
        0,
      ),
      slots: await this.#slots(),
      playing: (await Promise.all(channels.map((channel) => this.#stateOf(channel)))).filter((state) =>
        PLAYING.includes(state),
      ).length,
    });
    const isNothing = async (): Promise<boolean> => Object.values(await left()).every((count) => count === 0);
    await waitFor(isNothing, { timeoutMs: 45_000, everyMs: 500 }).catch(() => {});
    const remains = await left();
    for (const [what, count] of Object.entries(remains))
      if (count > 0) this.#fail(`${count} ${what} left after everybody has gone`);
    const sum = (of: 'syncErrors' | 'continuityErrors' | 'timestampErrors'): number =>
      reports.reduce((total, report) => total + report[of], 0);
    const errors = {
      sync: sum('syncErrors'),
      continuity: sum('continuityErrors'),
      time: sum('timestampErrors'),
    };
    const [dropped, droppedDirect] = reports.map((report) => report.dropped) as [number, number];
    if (dropped > 0) this.#fail(`${dropped} viewers dropped`);
    if (droppedDirect > 0 && this.#kills === 0)
      this.#fail(`${droppedDirect} viewers of direct streams dropped`);
    for (const [what, count] of Object.entries(errors)) if (count > 0) this.#fail(`${count} ${what} errors`);
    for (const { name, flat, mbPerMinute } of memory)
      if (!flat) this.#fail(`RSS of ${name} grows by ${mbPerMinute.toFixed(1)} MB a minute`);
    return {
      ...{ seed: this.#plan.seed, minutes: this.#plan.minutes, events: this.#events },
      ...{ dropped, droppedDirect, errors, longestSilenceMs: this.#longestSilenceMs, memory },
      ...{ limitedMost: this.#limitedMost, left: remains },
      ...{ failures: this.#failures, notes: reports.flatMap(({ notes }) => notes).slice(0, 10) },
    };
  }

  async #stateOf({ id }: Channel): Promise<string> {
    const { body } = await api(this.#site.doors[0]!, 'GET', `/streams/${id}`);
    return (body as { stream?: { state?: string } }).stream?.state ?? 'unknown';
  }

  async #slots(): Promise<number> {
    const { body } = await api(this.#site.doors[0]!, 'GET', '/providers');
    const { providers } = body as { providers: { slots_in_use: number }[] };
    return providers.reduce((sum, { slots_in_use }) => sum + slots_in_use, 0);
  }

  #later(ms: number, run: () => Promise<void>): void {
    this.#track(delay(ms).then(run));
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error: unknown) => this.#fail((error as Error).message))
      .finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  #fail(text: string): void {
    if (this.#failures.includes(text) || this.#failures.length >= 30) return;
    this.#failures.push(text);
    say(`FAILED: ${text}`);
  }
}
