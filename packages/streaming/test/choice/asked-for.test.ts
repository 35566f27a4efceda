import { settle } from '../manual-clock.ts';
import { type Resolve, stage } from './chain-stage.ts';

describe('switches that are asked for', () => {
  test('where the provider allows no second connection the first one makes way', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    const switched = it.chain.replace({ reason: 'MANUAL', index: 1 });
    it.last.fail('PROVIDER_LIMIT');
    await it.clock.advance(0);
    expect(it.opened).toEqual([0, 1, 1]);
    expect(it.open).toHaveLength(1);
    it.last.play();
    await switched;
    expect(it.log).toEqual(['lost PROVIDER_LIMIT', '1 after MANUAL']);
  });

  test('and comes back if the other one fails', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    const switched = it.chain.replace({ reason: 'MANUAL', index: 1 });
    const outcome = expect(switched).rejects.toMatchObject({ code: 'UPSTREAM_STATUS' });
    it.last.fail('PROVIDER_LIMIT');
    await it.clock.advance(0);
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    await it.clock.advance(0);
    await outcome;
    expect(it.opened).toEqual([0, 1, 1, 0]);
    it.last.play();
    expect(it.chain.index).toBe(0);
  });

  test('changes of the owner never break first', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    const outcome = expect(it.chain.replace({ reason: 'OWNER_CHANGED' })).rejects.toMatchObject({
      code: 'PROVIDER_LIMIT',
    });
    it.last.fail('PROVIDER_LIMIT');
    await outcome;
    expect(it.open.map(({ attempt }) => attempt.index)).toEqual([0]);
    expect(it.log).toEqual([]);
  });

  test('whoever waits for a switch that had to break first is told of the end', async () => {
    const it = stage();
    it.chain.start();
    it.last.play();
    const outcome = expect(it.chain.replace({ reason: 'MANUAL', index: 1 })).rejects.toMatchObject({
      code: 'STREAM_STOPPED',
    });
    it.last.fail('PROVIDER_LIMIT');
    await it.chain.close();
    await outcome;
  });
});

describe('a resolver', () => {
  /** Answers with these indices, one after the other; undefined: it does not know. */
  const answering = (...answers: (number | undefined)[]) => {
    const asked: string[] = [];
    const seen = new Set<number>();
    const resolve: Resolve = async ({ index, error }) => {
      asked.push(`${index} ${error?.code}`);
      const answer = answers[Math.min(asked.length, answers.length) - 1];
      if (answer === undefined) return undefined;
      const isNew = !seen.has(answer);
      seen.add(answer);
      return { index: answer, isNew };
    };
    return { asked, resolve };
  };

  test('names the next source, but is not asked about a first cut', async () => {
    const { asked, resolve } = answering(7);
    const it = stage({ alternatives: 2, choice: { resolve } });
    it.chain.start();
    it.last.play();
    it.last.fail('UPSTREAM_CUT');
    await it.clock.advance(0);
    expect({ asked, opened: it.opened }).toEqual({ asked: [], opened: [0, 0] });
    it.last.fail('UPSTREAM_STATUS', { upstreamStatus: 404 });
    await it.clock.advance(0);
    expect({ asked, opened: it.opened }).toEqual({ asked: ['0 UPSTREAM_STATUS'], opened: [0, 0, 7] });
    it.last.play();
    expect(it.chain.index).toBe(7);
  });

  test('that names what has just failed is not believed: the others have their turn', async () => {
    const { asked, resolve } = answering(2);
    const it = stage({ alternatives: 2, choice: { resolve }, policy: { maxAttempts: 3 } });
    it.chain.start();
    it.last.play();
    for (let n = 0; n < 60 && !it.failure; n += 1) {
      if (!it.last.closed) it.last.fail('UPSTREAM_CONNECT_FAILED');
      await it.clock.advance(1_000);
    }
    expect(it.failure).toMatchObject({ code: 'STREAM_FAILED', info: { sources: 3 } });
    for (const index of [0, 1, 2])
      expect(it.opened.filter((one) => one === index).length).toBeLessThanOrEqual(4);
    expect(asked.length).toBeLessThanOrEqual(9);
  });

  test('that knows nothing leaves it to the list, and one that never stops naming dead ones comes to an end', async () => {
    const none = stage({ alternatives: 2, choice: { resolve: answering(undefined).resolve } });
    none.chain.start();
    none.last.play();
    none.last.fail('UPSTREAM_TIMEOUT');
    await none.clock.advance(0);
    expect(none.opened).toEqual([0, 1]);
    let next = 1;
    const endless = stage({
      alternatives: 1,
      policy: { maxAttempts: 5, startMs: 60_000 },
      choice: { resolve: async () => ({ index: ++next, isNew: true }) },
    });
    endless.chain.start();
    endless.last.play();
    for (let n = 0; n < 100 && !endless.failure; n += 1) {
      if (!endless.last.closed) endless.last.fail('UPSTREAM_CONNECT_FAILED');
      await endless.clock.advance(10_000);
    }
    expect(endless.failure).toBeDefined();
    expect(endless.opened.length).toBe(10);
  });

  test('that is slow is not waited for by a chain that has been closed, or switched by hand', async () => {
    let answer = (_index: number): void => {};
    const resolve: Resolve = () =>
      new Promise((done) => {
        answer = (index) => done({ index, isNew: false });
      });
    const it = stage({ alternatives: 2, choice: { resolve } });
    it.chain.start();
    it.last.play();
    it.last.fail('UPSTREAM_TIMEOUT');
    await it.clock.advance(0);
    void it.chain.replace({ reason: 'MANUAL', index: 1 });
    answer(0);
    await it.clock.advance(60);
    expect(it.opened).toEqual([0, 1]);
    it.last.fail('UPSTREAM_TIMEOUT');
    await settle();
    await it.chain.close();
    answer(0);
    await it.clock.advance(60_000);
    expect(it.opened).toEqual([0, 1]);
  });
});
