import { StreampoolError } from '@streampool/errors';
import { measuredState, type OperationOutcome } from '../src/index.ts';

/** As the stores: private fields, getters, and parts with operations of their own. */
class Store {
  #count = 0;
  readonly sessions = {
    start: async (id: string): Promise<string> => `session of ${id}`,
  };

  async add(by: number): Promise<number> {
    this.#count += by;
    return this.#count;
  }

  async refuse(): Promise<void> {
    throw new StreampoolError('STALE_EPOCH', 'too late');
  }

  async away(): Promise<void> {
    throw new StreampoolError('STATE_UNAVAILABLE', 'away');
  }

  async fail(): Promise<void> {
    throw new Error('a mistake');
  }

  get count(): number {
    return this.#count;
  }

  now(): number {
    return 7;
  }
}

test('operations are timed under their names with what became of them; everything else is as it was', async () => {
  const told: [string, OperationOutcome][] = [];
  const asked: string[] = [];
  const state = measuredState(new Store(), (operation) => {
    asked.push(operation);
    return (ms, outcome) => {
      expect(ms).toBeGreaterThanOrEqual(0);
      told.push([operation, outcome]);
    };
  });
  expect(await state.add(2)).toBe(2);
  expect(await state.add(3)).toBe(5);
  expect(state.count).toBe(5);
  expect(state.now()).toBe(7);
  expect(await state.sessions.start('me')).toBe('session of me');
  await expect(state.refuse()).rejects.toMatchObject({ code: 'STALE_EPOCH' });
  await expect(state.away()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  await expect(state.fail()).rejects.toThrow('a mistake');
  expect(told).toEqual([
    ['add', 'ok'],
    ['add', 'ok'],
    ['sessions.start', 'ok'],
    ['refuse', 'refused'],
    ['away', 'unavailable'],
    ['fail', 'failed'],
  ]);
  // Once each, and the same function every time: nothing is made per call.
  expect(asked).toEqual(['add', 'now', 'sessions.start', 'refuse', 'away', 'fail']);
  expect(state.add).toBe(state.add);
});
