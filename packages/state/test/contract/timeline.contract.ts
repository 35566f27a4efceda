import fc from 'fast-check';
import type { NewTimelineEntry } from '../../src/index.ts';
import { complete, foldKey, isAgain, merged, type TimelineEntry } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';

const HOUR_MS = 3_600_000;
/** Of no store's future, and of no store's past hour either: entries say when they happened themselves. */
const LONG_AGO = 1_700_000_000_000;

export function describeTimelines(store: () => Store): void {
  const tell = async (timeline: readonly NewTimelineEntry[]): Promise<number> =>
    (await store().state.heartbeat(beat('w1', { timeline }))).nowMs;
  const nowMs = (): Promise<number> => tell([]);
  const lost = (atMs: number, fields: Partial<NewTimelineEntry> = {}): NewTimelineEntry => ({
    ...{ type: 'source_lost', streamId: idOf(1), node: 'w1', atMs },
    data: { code: 'UPSTREAM_CUT', index: 0, detail: 'cut' },
    ...fields,
  });
  const ofStream = (n = 1) => store().state.readTimeline({ streamId: idOf(n) });
  const ofClient = (clientId: string) => store().state.readTimeline({ clientId });

  test('what was told is read back, oldest first, by stream and by viewer', async () => {
    const now = await nowMs();
    const gap: NewTimelineEntry = {
      ...{ type: 'source_gap', streamId: idOf(1), node: 'w2', atMs: now - 5_000 },
      data: { gapMs: 1_500, index: 0 },
    };
    const blocked: NewTimelineEntry = {
      ...{ type: 'viewer_blocked', streamId: idOf(1), clientId: 'tv|1 ä', node: 'g1', atMs: now - 3_000 },
      data: { blockedMs: 1_000, lagBytes: 99 },
    };
    await tell([lost(now - 1_000), gap, blocked]);
    expect(await ofStream()).toEqual([
      { ...gap, lastMs: gap.atMs, count: 1 },
      { ...lost(now - 1_000), lastMs: now - 1_000, count: 1 },
    ]);
    expect(await ofClient('tv|1 ä')).toEqual([{ ...blocked, lastMs: blocked.atMs, count: 1 }]);
    expect(await ofStream(2)).toEqual([]);
    expect(await ofClient('nobody')).toEqual([]);
  });

  test('the same again within a minute is one entry that counts; the longest gap is kept', async () => {
    const now = await nowMs();
    const switched = (atMs: number, gapMs: number, reason = 'UPSTREAM_CUT'): NewTimelineEntry => ({
      ...{
        type: 'source_switched',
        streamId: idOf(1),
        node: 'w1',
        atMs,
        data: { reason, gapMs, failoverIndex: 1 },
      },
    });
    await tell([switched(now - 90_000, 300)]);
    await tell([switched(now - 80_000, 900), { ...switched(now - 70_000, 200), node: 'w2' }]);
    await tell([switched(now - 60_000, 10, 'MANUAL'), switched(now - 20_000, 50)]);
    expect(await ofStream()).toMatchObject([
      { atMs: now - 90_000, lastMs: now - 70_000, count: 3, node: '', data: { gapMs: 900 } },
      { atMs: now - 60_000, count: 1, data: { reason: 'MANUAL' } },
      { atMs: now - 20_000, count: 1, node: 'w1', data: { gapMs: 50 } },
    ]);
  });

  test('both implementations fold as the pure functions do', async () => {
    let n = 100;
    const entries = fc.array(
      fc.record({
        type: fc.constantFrom('source_lost' as const, 'viewer_skipped' as const),
        agoMs: fc.integer({ min: 0, max: 200_000 }),
        node: fc.constantFrom('w1', 'w2'),
        count: fc.integer({ min: 1, max: 5 }),
        data: fc.record({
          code: fc.constantFrom('A', 'B'),
          skips: fc.integer({ min: 0, max: 9 }),
          gapMs: fc.integer({ min: 0, max: 9 }),
          detail: fc.constantFrom('x', 'y'),
        }),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(entries, async (drawn) => {
        n += 1;
        const now = await nowMs();
        const told = drawn.map(({ agoMs, ...rest }) => ({
          ...{ streamId: idOf(n), atMs: now - agoMs, ...rest },
        }));
        await tell(told);
        expect(await ofStream(n)).toEqual(folded(told, now));
      }),
      { numRuns: 30 },
    );
  });

  test('a future that only a wrong clock has counts as now; what is over an hour old is gone', async () => {
    const now = await tell([lost(LONG_AGO, { streamId: idOf(9) }), lost(Number.MAX_SAFE_INTEGER / 2)]);
    const [entry] = await ofStream();
    expect(entry!.atMs).toBeGreaterThanOrEqual(now - 1);
    expect(entry!.atMs).toBeLessThan(now + 60_000);
    if (now - LONG_AGO > HOUR_MS) expect(await ofStream(9)).toEqual([]);
    await store().advance(HOUR_MS / 2);
    const later = await nowMs();
    await tell([lost(later, { data: { code: 'UPSTREAM_TIMEOUT', index: 0, detail: 'silent' } })]);
    expect(await ofStream()).toHaveLength(2);
    await store().advance(HOUR_MS / 2 + 1_000);
    expect(await ofStream()).toMatchObject([{ data: { code: 'UPSTREAM_TIMEOUT' } }]);
  });

  test('however much happens, the newest stay within the budget', async () => {
    const now = await nowMs();
    for (let i = 0; i < 5; i++) {
      await tell(
        Array.from({ length: 100 }, (_, j) =>
          lost(now - 1_000 + i * 100 + j, { data: { index: i * 100 + j } }),
        ),
      );
    }
    const kept = await ofStream();
    expect(kept).toHaveLength(200);
    expect(kept[0]!.data.index).toBe(300);
    expect(kept.at(-1)!.data.index).toBe(499);
    const blocked = (i: number): NewTimelineEntry => lost(now + i, { clientId: 'tv', data: { index: i } });
    await tell(Array.from({ length: 600 }, (_, i) => blocked(i)));
    const mine = await ofClient('tv');
    expect(mine.length).toBeLessThanOrEqual(200);
    expect(mine.length).toBeGreaterThanOrEqual(128);
    expect(mine.at(-1)!.data.index).toBe(599);
  });

  test('a change of owner is in it; so is what was before the stream was removed', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await state.claim(idOf(1), { id: 'w2', host: 'h2' }, { deposes: 1 });
    const now = await nowMs();
    await tell([
      { type: 'owner_changed', streamId: idOf(1), node: 'w2', atMs: now, data: { from: 'w1', to: 'w2' } },
    ]);
    await state.removeStream(idOf(1));
    expect(await ofStream()).toMatchObject([
      { type: 'owner_changed', node: 'w2', count: 2, data: { from: 'w1', to: 'w2', epoch: 2 } },
    ]);
  });

  test('viewers that nobody said farewell to were lost with their nodes', async () => {
    const { state, advance, clientTtlMs } = store();
    await state.putStream(definition(1));
    const at = (node: string, ...ids: string[]) =>
      state.heartbeat(beat(node, { clients: ids.map((id) => client(id, idOf(1), node)) }));
    await at('w1', 'tv', 'box');
    await at('w2', 'sofa', 'left', 'ended');
    await state.heartbeat(beat('w2', { gone: [{ streamId: idOf(1), clientId: 'left' }] }));
    await state.removeClients([{ streamId: idOf(1), clientId: 'ended' }]);
    await state.removeWorker('w1');
    for (let i = 0; i < 20; i++) {
      await advance(clientTtlMs / 10);
      await state.heartbeat(beat('w3'));
    }
    const { expiredClients } = await state.sweep();
    expect(await state.removeClients(expiredClients, { onlyExpired: true })).toBe(1);
    const lost = { type: 'client_disconnected', count: 1 };
    const connectedAt = new Date(client('tv', '', '').connectedAtMs).toISOString();
    expect(await ofClient('tv')).toMatchObject([
      { ...lost, node: 'w1', data: { reason: 'lost', connectedAt } },
    ]);
    expect(await ofClient('sofa')).toMatchObject([{ ...lost, node: 'w2', streamId: idOf(1) }]);
    expect([...(await ofClient('left')), ...(await ofClient('ended'))]).toEqual([]);
    const counted = await ofStream();
    expect(counted.reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(counted.every(({ data }) => data.reason === 'lost')).toBe(true);
    const events = await state.readEvents();
    const told = events.filter(({ type }) => type === 'client_disconnected').map(({ data }) => data);
    expect(told.map(({ clientId }) => clientId).sort()).toEqual(['box', 'sofa', 'tv']);
    const { ip, bytes, connectedAtMs } = client('sofa', '', '');
    const sofa = events.find(({ data }) => data.clientId === 'sofa')!;
    expect(sofa).toMatchObject({ streamId: idOf(1), data: { reason: 'lost', ip, bytes } });
    expect(sofa.data.durationMs).toBeCloseTo(sofa.atMs - connectedAtMs, -2);
  });

  test('no credentials', async () => {
    const now = await nowMs();
    const detail = 'GET http://p.example/get.php?username=bob&password=hunter2 answered 403';
    await tell([lost(now, { data: { detail } }), lost(now, { clientId: 'tv', data: { detail } })]);
    const all = JSON.stringify([await ofStream(), await ofClient('tv')]) + (await store().shown());
    expect(all).toContain('answered 403');
    expect(all).not.toContain('hunter2');
  });
}

/** The pure model: what is the same again among the newest is merged into it. */
function folded(told: readonly NewTimelineEntry[], nowMs: number): TimelineEntry[] {
  const kept: TimelineEntry[] = [];
  for (const given of told) {
    const entry = complete(given, nowMs);
    const at = kept.findLastIndex((other) => foldKey(other) === foldKey(entry) && isAgain(other, entry));
    if (at < 0) kept.push(entry);
    else kept[at] = merged(kept[at]!, entry);
  }
  return kept.sort((a, b) => a.atMs - b.atMs);
}
