import type { StreamDefinition, StreamRecord, WorkerRecord } from '@streampool/state';
import { pino } from 'pino';
import { NetworkKeeper } from '../src/network-keeper.ts';

const programme = { startedAtMs: 0, durationMs: 10_000 };

/** Networks by name with their owner; `dead` owners do not answer, `silent` ones are dead by the state, too. */
function stage(owners: Record<string, string>, { dead = [], silent = [] }: Record<string, string[]> = {}) {
  const asked: string[] = [];
  const here = new Set<string>();
  const keeper = new NetworkKeeper({
    state: {
      findByMetadata: async () =>
        Object.entries(owners).map(([id, owner]) => ({ id, owner }) as StreamRecord),
      getDefinition: async (id) =>
        ({ id, programme: { ...programme, ...(id === 'over' && { stoppedAtMs: 1 }) } }) as StreamDefinition,
      listWorkers: async () =>
        ['w1', 'w2'].map((id) => ({ id, alive: !silent.includes(id) }) as WorkerRecord),
    },
    has: (id) => here.has(id),
    async play({ id }) {
      asked.push(id);
      if ([...dead, ...silent, ''].includes(owners[id]!)) here.add(id);
    },
    log: pino({ level: 'silent' }),
    now: () => 5_000,
  });
  return { asked, here, run: () => keeper.run(new AbortController().signal) };
}

test('owners are asked for one network each, those without one for each', async () => {
  const { asked, run } = stage({ a: 'w1', b: 'w1', c: 'w2', d: '', e: '', over: '' });
  await run();
  expect(asked).toEqual(['a', 'c', 'd', 'e']);
});

test('where an owner does not answer, all it had is played here, before its lease is over', async () => {
  const { asked, here, run } = stage({ a: 'w1', b: 'w1', c: 'w2' }, { dead: ['w1'] });
  await run();
  expect([...here]).toEqual(['a', 'b']);
  await run();
  expect(asked).toEqual(['a', 'b', 'c', 'c']);
});

test('what the state says is dead is not waited for', async () => {
  const { here, run } = stage({ a: 'w1', b: 'w1', c: 'w2' }, { silent: ['w1'] });
  await run();
  expect([...here]).toEqual(['a', 'b']);
});
