import { setImmediate as turn } from 'node:timers/promises';
import type { WorkerRecord } from '@streampool/state';
import { pino } from 'pino';
import { hasOtherGateway } from '../src/cluster/other-gateway.ts';
import { Leaving, type LeavingOptions } from '../src/serve/leaving.ts';
import { OrderlyStop } from '../src/serve/orderly-stop.ts';

const log = pino({ level: 'silent' });

/** A notice with time in the test's hands. */
class Stand {
  announced = 0;
  asked = 0;
  over = false;
  readonly controller = new AbortController();
  readonly #sleepers = new Set<{ untilMs: number; wake: () => void }>();
  #nowMs = 0;

  begin(options: Partial<LeavingOptions> = {}): void {
    const { hasSuccessor } = options;
    const leaving = new Leaving({
      ...{ log, noticeMs: 3_000, now: () => this.#nowMs },
      announce: () => {
        this.announced += 1;
      },
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const sleeper = { untilMs: this.#nowMs + ms, wake: resolve };
          this.#sleepers.add(sleeper);
          signal.addEventListener('abort', () => resolve());
        }),
      ...options,
      ...(hasSuccessor && {
        hasSuccessor: () => {
          this.asked += 1;
          return hasSuccessor();
        },
      }),
    });
    void leaving.giveNotice(this.controller.signal).then(() => {
      this.over = true;
    });
  }

  async pass(ms: number): Promise<void> {
    await turn();
    const endMs = this.#nowMs + ms;
    while (this.#nowMs < endMs) {
      this.#nowMs += 100;
      for (const sleeper of this.#sleepers) {
        if (sleeper.untilMs > this.#nowMs) continue;
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
      await turn();
    }
  }
}

test('it is announced at once, and lasts as long as it shall', async () => {
  const stand = new Stand();
  stand.begin({ hasSuccessor: async () => true });
  expect(stand.announced).toBe(1);
  await stand.pass(2_900);
  expect(stand.over).toBe(false);
  await stand.pass(100);
  expect(stand.over).toBe(true);
  const { asked } = stand;
  await stand.pass(5_000);
  expect(stand.asked).toBe(asked);
});

test('where nobody else could serve it ends, at once or when the others go too', async () => {
  const alone = new Stand();
  alone.begin({ hasSuccessor: async () => false });
  await alone.pass(0);
  expect([alone.announced, alone.over]).toEqual([1, true]);
  const last = new Stand();
  let others = 1;
  last.begin({ hasSuccessor: async () => others > 0 });
  await last.pass(900);
  expect(last.over).toBe(false);
  others = 0;
  await last.pass(200);
  expect(last.over).toBe(true);
});

test('a state that cannot be asked, or hangs, shortens nothing and lengthens nothing', async () => {
  const away = new Stand();
  away.begin({
    hasSuccessor: async () => {
      throw new Error('away');
    },
  });
  const hanging = new Stand();
  hanging.begin({ hasSuccessor: () => new Promise(() => {}) });
  for (const stand of [away, hanging]) {
    await stand.pass(2_900);
    expect(stand.over).toBe(false);
    await stand.pass(100);
    expect(stand.over).toBe(true);
  }
});

test('a signal skips it, and no notice is none', async () => {
  const stand = new Stand();
  stand.begin();
  await stand.pass(100);
  stand.controller.abort();
  await stand.pass(0);
  expect(stand.over).toBe(true);
  const none = new Stand();
  none.begin({ noticeMs: 0, hasSuccessor: async () => true });
  await none.pass(0);
  expect([none.announced, none.asked, none.over]).toEqual([1, 0, true]);
});

test('another gateway is one that lives and stays', async () => {
  const node = (id: string, fields: Partial<WorkerRecord>) =>
    ({ id, role: 'gateway', status: 'ready', heartbeatMs: 100_000, ...fields }) as WorkerRecord;
  const has = (...nodes: WorkerRecord[]): Promise<boolean> =>
    hasOtherGateway({ listWorkers: async () => nodes }, { self: 'me', leaseMs: 15_000 });
  const me = node('me', {});
  expect(await has(me, node('g', {}))).toBe(true);
  expect(await has()).toBe(false);
  expect(await has(me)).toBe(false);
  expect(await has(me, node('w', { role: 'worker' }))).toBe(false);
  expect(await has(me, node('g', { status: 'draining' }))).toBe(false);
  expect(await has(me, node('g', { heartbeatMs: 85_000 }))).toBe(false);
});

describe('the way to the end', () => {
  function stopping(options: {
    givesNotice: boolean;
    deadlineMs?: number;
    leave?: (signal: AbortSignal) => Promise<void>;
  }) {
    const { promise: code, resolve: exit } = Promise.withResolvers<number>();
    const steps: string[] = [];
    const server = {
      leave: async (signal: AbortSignal): Promise<void> => {
        steps.push('leave');
        await options.leave?.(signal);
      },
      close: async (): Promise<void> => {
        steps.push('close');
      },
    };
    const stop = new OrderlyStop({
      ...{ exit, log, deadlineMs: 10_000, ...options },
      starting: Promise.resolve(server),
    });
    return { stop, steps, code };
  }

  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

  test('whoever is in a hurry gets no notice', async () => {
    const { code, steps, stop } = stopping({ givesNotice: false });
    expect(stop.hurry()).toBe(false);
    expect(await code).toBe(0);
    expect(steps).toEqual(['close']);
  });

  test('the notice does not count against the deadline, and can be cut short once', async () => {
    const { code, steps, stop } = stopping({ givesNotice: true, deadlineMs: 100, leave: untilAborted });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(steps).toEqual(['leave']);
    expect([stop.hurry(), stop.hurry()]).toEqual([true, false]);
    expect(await code).toBe(0);
    expect(steps).toEqual(['leave', 'close']);
  });

  test('closing that takes too long ends with a failure', async () => {
    const { promise: code, resolve: exit } = Promise.withResolvers<number>();
    const starting = Promise.resolve({ close: () => new Promise<void>(() => {}) });
    new OrderlyStop({ starting, exit, log, givesNotice: true, deadlineMs: 50 });
    expect(await code).toBe(1);
  });
});
