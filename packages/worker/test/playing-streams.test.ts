import type { EngineEvents, PoolState } from '@streampool/streaming';
import { PlayingStreams } from '../src/index.ts';

test('a stream plays from the first move of its first pool to the last one of its last', () => {
  let tell: (change: EngineEvents['pool_state'][0]) => void = () => {};
  const playing = new PlayingStreams({
    on: (_, listener) => {
      tell = listener as unknown as typeof tell;
      return () => {};
    },
  });
  const move = (from: PoolState, to: PoolState, streamId = 's') =>
    tell({ streamId, from, to, reason: 'test' });
  const has = () => playing.has('s');
  expect(has()).toBe(false);
  // One that nobody ever watched.
  move('idle', 'stopped');
  expect(has()).toBe(false);
  move('idle', 'starting');
  move('idle', 'starting', 'other');
  expect(has()).toBe(true);
  move('starting', 'live');
  move('live', 'switching');
  move('switching', 'live');
  move('idle', 'starting');
  move('live', 'draining');
  move('draining', 'stopped');
  expect(has()).toBe(true);
  move('starting', 'failed');
  expect(has()).toBe(false);
  expect(playing.has('other')).toBe(true);
});
