import fc from 'fast-check';
import { SqliteClusterState } from '../../src/index.ts';
import { beat } from '../contract/records.ts';

const LEASE_MS = 15_000;
const BEAT_MS = LEASE_MS / 3;
/** How long a node may take to be heard again after the store is back; what a lease leaves beside a beat and the counted gap. */
const WAY_BACK_MS = LEASE_MS - BEAT_MS - LEASE_MS / 4;

/** One stretch of a cluster's life: everybody beats for a while, then the store is away. */
const stretch = fc.record({
  beatingMs: fc.integer({ min: 0, max: 40_000 }),
  awayMs: fc.integer({ min: 0, max: 300_000 }),
  /** When each of three nodes is heard again after the store is back, and how long before it went they had spoken. */
  backMs: fc.array(fc.integer({ min: 1, max: WAY_BACK_MS - 1 }), { minLength: 3, maxLength: 3 }),
  phasesMs: fc.array(fc.integer({ min: 1, max: BEAT_MS }), { minLength: 3, maxLength: 3 }),
});

test('whatever outages there are, a node that beats when it can is never found dead', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stretch, { minLength: 1, maxLength: 4 }), async (stretches) => {
      let now = 1_800_000_000_000;
      const state = new SqliteClusterState({ path: ':memory:', leaseMs: LEASE_MS, now: () => now });
      const names = ['a', 'b', 'c'];
      for (const { beatingMs, awayMs, backMs, phasesMs } of stretches) {
        const from = now;
        // Each node beats every BEAT_MS from its moment on, until the store goes away, and once when it is back.
        const moments = names.flatMap((name, i) => {
          const times: number[] = [];
          for (let at = backMs[i] as number; at < beatingMs; at += BEAT_MS) times.push(at);
          if (times.length === 0) times.push(backMs[i] as number);
          times.push(Math.max(times.at(-1) as number, beatingMs - (phasesMs[i] as number)));
          return times.map((at) => ({ at: from + at, name }));
        });
        for (const { at, name } of moments.sort((x, y) => x.at - y.at)) {
          now = at;
          expect((await state.sweep()).deadWorkers).toEqual([]);
          await state.heartbeat(beat(name));
        }
        now = Math.max(now, from + beatingMs) + awayMs;
        expect((await state.sweep()).deadWorkers).toEqual([]);
      }
      await state.close();
    }),
    { numRuns: 60 },
  );
});
