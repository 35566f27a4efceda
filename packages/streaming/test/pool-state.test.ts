import fc from 'fast-check';
import type { PoolState } from '../src/index.ts';
import { PoolStateMachine } from '../src/pool-state.ts';

const STATES: readonly PoolState[] = [
  'idle',
  'starting',
  'live',
  'switching',
  'draining',
  'stopped',
  'failed',
];
const PATHS: Record<PoolState, readonly PoolState[]> = {
  idle: [],
  starting: ['starting'],
  live: ['starting', 'live'],
  switching: ['starting', 'live', 'switching'],
  draining: ['starting', 'draining'],
  stopped: ['stopped'],
  failed: ['starting', 'failed'],
};

function at(state: PoolState) {
  const moves: string[] = [];
  const machine = new PoolStateMachine((from, to, reason) => moves.push(`${from} ${to} ${reason}`));
  for (const next of PATHS[state]) machine.move(next, 'on the way');
  moves.length = 0;
  return { machine, moves };
}

test.each([
  ['idle', 'live'],
  ['idle', 'failed'],
  ['idle', 'draining'],
  ['starting', 'switching'],
  ['starting', 'starting'],
  ['live', 'starting'],
  ['live', 'live'],
  ['switching', 'starting'],
  ['draining', 'draining'],
  ['draining', 'idle'],
] as const)('%s → %s is a bug: it throws, tells nobody and changes nothing', (from, to) => {
  const { machine, moves } = at(from);
  expect(() => machine.move(to, 'by mistake')).toThrow(`from ${from} to ${to} (by mistake)`);
  expect(machine.state).toBe(from);
  expect(moves).toEqual([]);
});

test.each(['stopped', 'failed'] as const)('%s is final', (state) => {
  const { machine } = at(state);
  expect(machine.isFinal).toBe(true);
  for (const to of STATES) expect(() => machine.move(to, '')).toThrow();
});

test('a legal move is told once, after it was made; every state but the final ones can be stopped', () => {
  for (const state of STATES.filter((one) => one !== 'stopped' && one !== 'failed')) {
    const { machine, moves } = at(state);
    expect(machine.isFinal).toBe(false);
    machine.move('stopped', 'enough');
    expect(moves).toEqual([`${state} stopped enough`]);
  }
});

test('whatever is tried, what is told is a path: each move begins where the last one ended', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...STATES), { maxLength: 30 }), (tries) => {
      let last: PoolState = 'idle';
      const machine = new PoolStateMachine((from, to) => {
        expect(from).toBe(last);
        last = to;
      });
      for (const to of tries) {
        try {
          machine.move(to, '');
        } catch {
          // Illegal: nothing may have happened, which the next move shows.
        }
        expect(machine.state).toBe(last);
      }
    }),
  );
});
