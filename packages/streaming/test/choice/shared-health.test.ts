import { SharedHealth } from '../../src/choice/shared-health.ts';
import { ManualClock, settle } from '../manual-clock.ts';

type Store = ConstructorParameters<typeof SharedHealth>[0]['store'];
type Exchange = Parameters<Store>[0];
type View = Awaited<ReturnType<Store>>['sources'][number];

/** A store whose answers a test makes up; by default it knows nothing. */
function setup() {
  const clock = new ManualClock();
  const asked: Exchange[] = [];
  const store = {
    sources: [] as View[],
    isAway: false,
    answer: async (exchange: Exchange) => {
      asked.push(exchange);
      if (store.isAway) throw new Error('away');
      return { nowMs: clock.now(), sources: store.sources };
    },
  };
  const health = new SharedHealth({
    ...{ node: 'me', clock, intervalMs: 5_000, random: () => 0 },
    store: (exchange) => store.answer(exchange),
  });
  return { clock, asked, store, health };
}

const view = (change: Partial<View> = {}): View => ({
  ...{ key: 'k', failures: 1, isOpen: true, waitMs: 0, probe: '', probeMs: 0, ...change },
});
const kinds = (asked: Exchange[]) => asked.map(({ reports }) => reports.map(({ kind }) => kind));

test('what fails here is told at once, in one message with what fails beside it', async () => {
  const { clock, asked, health } = setup();
  const attempts = ['a', 'b'].map((key) => health.begin(key));
  await clock.advance(400);
  for (const attempt of attempts) attempt.failed('failed');
  expect(health.waitMs('a')).toBe(250);
  await clock.advance(60);
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    node: 'me',
    reports: [
      { key: 'a', kind: 'failed', beganAgoMs: 450, cooldown: { firstMs: 250, mostMs: 10_000, share: 1 } },
      { key: 'b', kind: 'failed' },
    ],
  });
});

test('a source that nothing is held against is nobody’s news', async () => {
  const { clock, asked, health } = setup();
  const attempt = health.begin('k');
  attempt.played();
  attempt.stable();
  attempt.dropped();
  await clock.advance(1_000);
  expect(asked).toEqual([]);
});

test('what others have found out counts here after an interval', async () => {
  const { clock, store, health } = setup();
  store.sources = [view({ waitMs: 8_000 })];
  await clock.advance(5_000);
  expect(health.waitMs('k')).toBe(8_000);
  store.sources = [view({ failures: 0, isOpen: false })];
  await clock.advance(5_000);
  expect(health.waitMs('k')).toBe(0);
});

test('after the pause the right to ask is asked for, and the answer decides', async () => {
  const { clock, store, asked, health } = setup();
  store.sources = [view()];
  await clock.advance(5_000);
  // Only looking asks nobody.
  expect(health.waitMs('k')).toBe(50);
  expect(kinds(asked)).toEqual([[]]);
  store.sources = [view({ probe: 'other', probeMs: 9_000 })];
  health.want('k');
  await settle();
  expect(kinds(asked)).toEqual([[], ['probe']]);
  expect(health.waitMs('k')).toBe(9_000);
  store.sources = [];
  await clock.advance(9_000);
  expect(health.waitMs('k')).toBe(50);
  store.sources = [view({ probe: 'me', probeMs: 10_000 })];
  health.want('k');
  await settle();
  expect(health.waitMs('k')).toBe(0);
  health.begin('k');
  // The next one on this node waits for that attempt.
  expect(health.waitMs('k')).toBe(10_000);
});

test('a store that is away, or says nothing, keeps nobody from asking', async () => {
  const { clock, store, asked, health } = setup();
  store.isAway = true;
  health.begin('k').failed('failed');
  await clock.advance(250);
  health.want('k');
  expect(health.waitMs('k')).toBeGreaterThan(0);
  await clock.advance(300);
  expect(health.waitMs('k')).toBe(0);
  // The failure is told when the store is back; the question is void by then.
  store.isAway = false;
  await clock.advance(5_000);
  expect(kinds(asked).at(-1)).toEqual(['failed']);
});

test('what is known here and not told yet is not overwritten by older news', async () => {
  const { clock, store, health } = setup();
  let release = (): void => {};
  store.answer = () =>
    new Promise((resolve) => {
      release = () => resolve({ nowMs: 1, sources: [view({ failures: 0, isOpen: false })] });
    });
  await clock.advance(5_000);
  health.begin('k').failed('refused');
  release();
  await settle();
  expect(health.waitMs('k')).toBe(2_000);
});

test('closed, it asks nothing any more', async () => {
  const { clock, asked, health } = setup();
  await health.close();
  health.begin('k').failed('failed');
  await clock.advance(60_000);
  expect(asked).toEqual([]);
  expect(clock.pending).toBe(0);
});
