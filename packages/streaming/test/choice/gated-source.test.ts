import type { StreampoolError } from '@streampool/errors';
import { GatedSource } from '../../src/choice/gated-source.ts';
import { FakeSource } from '../fake-source.ts';
import { ManualClock } from '../manual-clock.ts';

function setup(waits: (nowMs: number) => number, patienceMs = 5_000) {
  const clock = new ManualClock();
  const began = clock.now();
  const inner = new FakeSource();
  const ends: StreampoolError[] = [];
  let wanted = 0;
  const gate = new GatedSource({
    ...{ kind: 'upstream', open: () => inner, clock, patienceMs },
    waitMs: () => Math.max(0, waits(clock.now() - began)),
    want: () => {
      wanted += 1;
    },
  });
  gate.start({ data: () => {}, progress: () => {}, end: (error) => ends.push(error as StreampoolError) });
  return { clock, inner, ends, gate, wanted: () => wanted };
}

test('a source that may be asked is asked at once', () => {
  const { inner, wanted } = setup(() => 0);
  expect(inner.started).toBe(true);
  expect(wanted()).toBe(0);
});

test('a short pause is waited for, and counts as nobody’s silence', async () => {
  const { clock, inner, gate, wanted } = setup((now) => 1_000 - now);
  expect(gate.starved).toBe(true);
  await clock.advance(999);
  expect(inner.started).toBe(false);
  await clock.advance(1);
  expect(inner.started).toBe(true);
  expect(gate.starved).toBe(false);
  expect(wanted()).toBeGreaterThan(0);
});

test('others find the source well meanwhile: then it is asked', async () => {
  const { clock, inner } = setup((now) => (now < 500 ? 4_000 : 0));
  await clock.advance(500);
  expect(inner.started).toBe(true);
});

test('a long pause is refused, and says when to come again', async () => {
  const { clock, inner, ends } = setup(() => 12_300);
  await clock.advance(0);
  expect(ends).toMatchObject([{ code: 'CIRCUIT_OPEN', status: 503, retryAfterSeconds: 13 }]);
  expect(inner.started).toBe(false);
});

test('a pause that grows while it is waited for ends with the patience', async () => {
  const { clock, ends } = setup(() => 2_000);
  await clock.advance(6_000);
  expect(ends).toHaveLength(1);
});

test('closed while it waits, it asks nobody', async () => {
  const { clock, inner, ends, gate } = setup((now) => 1_000 - now);
  await gate.close();
  await clock.advance(10_000);
  expect({ started: inner.started, ends, pending: clock.pending }).toEqual({
    started: false,
    ends: [],
    pending: 0,
  });
});
