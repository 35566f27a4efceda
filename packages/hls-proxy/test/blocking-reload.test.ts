import { BlockingReload } from '../src/blocking-reload.ts';
import type { Rendition } from '../src/playlist/rendition.ts';
import type { SourceTurn } from '../src/source/source-turn.ts';
import { ManualClock } from './manual-clock.ts';

test('a provider that answers blocking reloads at once, without what was asked for, is not asked without a pause', async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  let newest = 10;
  const rendition = {
    targetDurationMs: 2_000,
    timeline: {
      progress: { mediaSequence: newest },
      list: { canBlockReload: true, partTargetMs: 500 },
      has: (sequence: number) => sequence <= newest,
      toProvider: (sequence: number) => sequence,
    },
    freshForMs: () => 0,
    load: async () => {
      asked.push('blocking');
      // Or a loop without a pause would have no end.
      if (asked.length > 50) newest = 11;
      return { kind: 'media' };
    },
  } as unknown as Rendition;
  const reload = new BlockingReload({
    clock,
    current: () => ({ connection: { mayBlock: true } }) as SourceTurn,
    refresh: async () => {
      asked.push('again');
      return { kind: 'media', freshUntilMs: 0, taken: 'same' };
    },
    onLoad: () => {},
    onHit: () => {},
  });
  let isOver = false;
  const { signal } = new AbortController();
  const waiting = reload.waitFor(rendition, { sequence: 11, part: undefined }, signal).then(() => {
    isOver = true;
  });
  await settled();
  expect(asked).toEqual(['blocking']);
  clock.advance(250);
  await settled();
  expect(asked).toEqual(['blocking', 'again', 'blocking']);
  newest = 11;
  expect(isOver).toBe(false);
  clock.advance(250);
  await waiting;
  expect(asked).toEqual(['blocking', 'again', 'blocking', 'again']);
});

/** All that needs no time has been done. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
