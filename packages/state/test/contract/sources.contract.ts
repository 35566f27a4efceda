import type { SourceReport } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';

const cooldown = { firstMs: 1_000, mostMs: 5_000, share: 1 };
const PROBE_MS = 10_000;

export function describeSources(store: () => Store): void {
  const tell = async (node: string, ...reports: SourceReport[]) => {
    const { sources } = await store().state.exchangeSources({ node, reports, probeMs: PROBE_MS });
    return new Map(sources.map((source) => [source.key, source]));
  };
  const failed = (key: string, beganAgoMs = 0): SourceReport => ({
    key,
    kind: 'failed',
    beganAgoMs,
    cooldown,
  });
  const said = (key: string, kind: SourceReport['kind']): SourceReport => ({ key, kind, beganAgoMs: 0 });

  test('what one node finds out all know, and each failure makes the pause longer', async () => {
    expect(await tell('w1', said('good', 'played'))).toEqual(new Map());
    await tell('w1', failed('bad'));
    expect((await tell('w2')).get('bad')).toMatchObject({ failures: 1, isOpen: true, probe: '', probeMs: 0 });
    const waits: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      await store().advance(5_001);
      waits.push((await tell('w2', failed('bad'))).get('bad')?.waitMs ?? 0);
    }
    expect(waits.map((wait) => Math.round(wait / 100) / 10)).toEqual([2, 4, 5, 5, 5]);
    expect((await tell('w1', said('bad', 'played'))).get('bad')).toMatchObject({
      failures: 6,
      isOpen: false,
    });
    expect((await tell('w1', said('bad', 'stable'))).get('bad')).toMatchObject({
      failures: 0,
      isOpen: false,
    });
  });

  test('attempts that began before a source was found to be bad say nothing new', async () => {
    await tell('w1', failed('bad'));
    await store().advance(500);
    expect((await tell('w2', failed('bad', 600))).get('bad')?.failures).toBe(1);
    expect((await tell('w2', failed('bad', 400))).get('bad')?.failures).toBe(2);
  });

  test('after the pause one node finds out how it is, and the others wait for it', async () => {
    await tell('w1', failed('bad'));
    expect((await tell('w1', said('bad', 'probe'))).get('bad')).toMatchObject({ probe: '' });
    await store().advance(1_001);
    expect((await tell('w1', said('bad', 'probe'))).get('bad')).toMatchObject({ probe: 'w1' });
    expect((await tell('w2', said('bad', 'probe'))).get('bad')).toMatchObject({ probe: 'w1', isOpen: true });
    // Somebody else's attempt is not what was waited for.
    expect((await tell('w2', said('bad', 'dropped'))).get('bad')).toMatchObject({ probe: 'w1' });
    expect((await tell('w1', said('bad', 'dropped'))).get('bad')).toMatchObject({ probe: '' });
    await tell('w1', said('bad', 'probe'));
    await store().advance(PROBE_MS + 1);
    expect((await tell('w2', said('bad', 'probe'))).get('bad')).toMatchObject({ probe: 'w2' });
    expect((await tell('w2', failed('bad'))).get('bad')).toMatchObject({ probe: '', failures: 2 });
  });

  test('only what has changed is told, and nothing for ever', async () => {
    const { state, advance } = store();
    await tell('w1', failed('old'));
    await advance(5);
    const { nowMs } = await state.exchangeSources({ node: 'w2', reports: [], probeMs: PROBE_MS });
    await advance(5);
    await tell('w1', failed('new'));
    const { sources } = await state.exchangeSources({
      node: 'w2',
      reports: [],
      since: nowMs,
      probeMs: PROBE_MS,
    });
    expect(sources.map(({ key }) => key)).toEqual(['new']);
    // What was spoken of is answered, even where that changed nothing.
    const asked = await state.exchangeSources({
      ...{ node: 'w2', reports: [said('old', 'probe')], since: nowMs + 1_000, probeMs: PROBE_MS },
    });
    expect(asked.sources.map(({ key }) => key)).toContain('old');
    await advance(11 * 60_000);
    expect(await tell('w1')).toEqual(new Map());
    expect((await tell('w1', failed('old'))).get('old')?.failures).toBe(1);
  });
}
