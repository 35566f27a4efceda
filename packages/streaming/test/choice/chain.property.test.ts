import fc from 'fast-check';
import type { StagedSource } from './chain-stage.ts';
import { stage } from './chain-stage.ts';

/** What may happen next, and to whom. */
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('play' as const), who: fc.nat(1) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'UPSTREAM_CUT' as const,
        'UPSTREAM_TIMEOUT' as const,
        'UPSTREAM_CONNECT_FAILED' as const,
        'UPSTREAM_NOT_MEDIA' as const,
        'PROVIDER_LIMIT' as const,
        'FFMPEG_FAILED' as const,
        'RELAY_LOST' as const,
      ),
      who: fc.nat(1),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(20_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replace' as const), index: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pause' as const), on: fc.boolean() }) },
);

const MAX_ATTEMPTS = 4;

test('one source at a time but for switches, never more attempts than hope, and an end or a picture', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(event, { minLength: 1, maxLength: 60 }),
      fc.boolean(),
      async (alternatives, events, failsBack) => {
        const it = stage({
          alternatives,
          policy: {
            maxAttempts: MAX_ATTEMPTS,
            startMs: 5_000,
            stallMs: 3_000,
            ...(failsBack && { failbackAfterMs: 10_000 }),
          },
        });
        let switches = 0;
        let settled = 0;
        const check = (): void => {
          const beside = it.open.filter(({ attempt }) => attempt.beside).length;
          expect(it.open.length - beside).toBeLessThanOrEqual(1);
          expect(it.open.length).toBeLessThanOrEqual(2);
          if (it.failure) expect(it.open).toEqual([]);
        };
        const open = (who: number): StagedSource | undefined => it.open[who % Math.max(1, it.open.length)];
        it.chain.start();
        for (const one of events) {
          if (one.do === 'play') open(one.who)?.play();
          else if (one.do === 'wait') await it.clock.advance(one.ms);
          else if (one.do === 'pause') one.on ? it.chain.pause() : it.chain.resume();
          else if (one.do === 'replace') {
            switches += 1;
            const asked = it.chain.replace({ reason: 'MANUAL', index: one.index % alternatives });
            void asked
              .catch(() => {})
              .finally(() => {
                settled += 1;
              });
          } else open(one.who)?.fail(one.do);
          await it.clock.advance(0);
          check();
        }
        it.chain.resume();
        // From here on nothing works: it comes to an end, after no more attempts than each source is given.
        const before = it.sources.length;
        for (let n = 0; n < 400 && !it.failure; n += 1) {
          if (n % 2 === 0) for (const source of it.open) source.fail('UPSTREAM_CONNECT_FAILED');
          await it.clock.advance(1_000);
          check();
        }
        expect(it.failure).toBeDefined();
        // A failback may have been begun meanwhile; it is nobody's next attempt.
        expect(it.sources.length - before).toBeLessThanOrEqual(alternatives * MAX_ATTEMPTS + 1);
        expect(settled).toBe(switches);
        expect(it.clock.pending).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

test('a source that plays at last is played, whatever was before', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(3), { maxLength: 8 }),
      async (alternatives, waits) => {
        const it = stage({ alternatives, policy: { maxAttempts: 20, startMs: 50_000 } });
        it.chain.start();
        it.last.play();
        for (const wait of waits) {
          it.last.fail('UPSTREAM_TIMEOUT');
          while (it.open.length === 0) await it.clock.advance(250);
          await it.clock.advance(wait * 1_000);
        }
        it.last.play();
        expect(it.chain.isSwitching).toBe(false);
        expect(it.open).toEqual([it.last]);
        expect(it.chain.index).toBe(it.last.attempt.index);
        await it.chain.close();
      },
    ),
    { numRuns: 100 },
  );
});
