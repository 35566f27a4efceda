import type { ProviderRecord, SlotHolder, SlotRequest } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { beat, idOf } from './records.ts';
import { pass } from './time.ts';

const acme: ProviderRecord = {
  id: 'acme',
  hosts: ['tv.example.org', '*.cdn.example.org'],
  maxConnections: 2,
  preempt: false,
  origin: 'api',
};

function holder(node: string, fields: Partial<SlotHolder> = {}): SlotHolder {
  return { node, life: 'first', streamId: idOf(1), priority: 0, ...fields };
}

function slot(lease: string, node = 'w1', fields: Partial<SlotHolder> = {}): SlotRequest {
  return { providerId: 'acme', lease, holder: holder(node, fields) };
}

const viewer = { clientId: 'c1', ip: '192.0.2.7', userAgent: 'VLC', username: 'alice' };

export function describeProviders(store: () => Store): void {
  const leases = async (): Promise<string[]> =>
    (await store().state.listSlots('acme')).map(({ lease }) => lease).sort();

  test('providers are kept by id; settings give way to what the API said', async () => {
    const { state } = store();
    const seeded: ProviderRecord = { ...acme, origin: 'settings' };
    expect(await state.putProvider(seeded)).toBe(true);
    expect(await state.putProvider({ ...acme, id: 'aaa' }, { onlyIfAbsent: true })).toBe(true);
    expect(await state.putProvider({ ...acme, maxConnections: 5 }, { onlyIfAbsent: true })).toBe(false);
    expect(await state.putProvider({ ...acme, maxConnections: 5 })).toBe(true);
    expect(await state.putProvider(seeded)).toBe(false);
    expect(await state.listProviders()).toEqual([
      { ...acme, id: 'aaa' },
      { ...acme, maxConnections: 5 },
    ]);
    expect(await state.removeProvider('aaa')).toBe(true);
    expect(await state.removeProvider('aaa')).toBe(false);
  });

  test('as many slots are granted as there are, whoever asks; a refusal says who has them', async () => {
    const { state, connect } = store();
    await state.putProvider(acme);
    const other = await connect();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 ? state : other).takeSlot(slot(`l${i}`, `w${i % 2}`))),
    );
    expect(answers.filter(({ granted }) => granted)).toHaveLength(2);
    const refusal = answers.find(({ granted }) => !granted);
    expect(refusal).toMatchObject({ granted: false, provider: acme });
    expect(await leases()).toHaveLength(2);
    await other.close();
    const again = await state.takeSlot(slot('late', 'w9', { viewer, priority: 3 }));
    expect(again.granted).toBe(false);
    const [taken] = await leases();
    await state.releaseSlots([{ providerId: 'acme', lease: taken! }]);
    expect(await state.takeSlot(slot('late', 'w9', { viewer, priority: 3 }))).toEqual({ granted: true });
    const shown = (await state.listSlots('acme')).find(({ lease }) => lease === 'late');
    expect(shown).toEqual({
      ...holder('w9', { viewer, priority: 3 }),
      lease: 'late',
      sinceMs: expect.any(Number),
    });
  });

  test('a lease that has its slot is granted again; a provider that nobody described has no limit', async () => {
    const { state } = store();
    expect(await state.takeSlot(slot('l0'))).toEqual({ granted: true });
    expect(await leases()).toEqual([]);
    await state.putProvider({ ...acme, maxConnections: 1 });
    for (let i = 0; i < 3; i++) expect(await state.takeSlot(slot('l1'))).toEqual({ granted: true });
    expect(await leases()).toEqual(['l1']);
    await state.putProvider({ ...acme, maxConnections: 0 });
    expect((await state.takeSlot(slot('l2'))).granted).toBe(false);
  });

  test('what its holder does not renew is free after a lease', async () => {
    const { state, leaseMs } = store();
    await state.putProvider(acme);
    await state.heartbeat(beat('w1'));
    await state.takeSlot(slot('dead', 'w1'));
    await state.takeSlot(slot('alive', 'w2'));
    await pass(store(), leaseMs * 0.7);
    await state.beatSlots({ node: 'w2', life: 'first', held: [slot('alive', 'w2')], released: [] });
    expect(await leases()).toEqual(['alive', 'dead']);
    await pass(store(), leaseMs * 0.5);
    expect(await leases()).toEqual(['alive']);
    expect(await state.takeSlot(slot('new', 'w3'))).toEqual({ granted: true });
    expect((await state.takeSlot(slot('newer', 'w3'))).granted).toBe(false);
  });

  test('a promised slot goes to its heir, and nobody comes between', async () => {
    const { state } = store();
    await state.putProvider({ ...acme, maxConnections: 1 });
    await state.takeSlot(slot('old'));
    const heir = { lease: 'heir', holder: holder('w2', { streamId: idOf(2) }) };
    const promise = { providerId: 'acme', lease: 'old', heir, forMs: 3_000 };
    expect(await state.promiseSlot(promise)).toBe(true);
    expect(await state.promiseSlot(promise)).toBe(true);
    expect(await state.promiseSlot({ ...promise, heir: { ...heir, lease: 'third' } })).toBe(false);
    expect(await state.promiseSlot({ ...promise, lease: 'unknown' })).toBe(false);
    expect(await state.takeSlot(slot('third'))).toMatchObject({
      slots: [{ lease: 'old', promisedTo: 'heir' }],
    });
    expect((await state.takeSlot(slot('heir', 'w2'))).granted).toBe(false);
    await state.releaseSlots([{ providerId: 'acme', lease: 'old' }]);
    expect(await state.listSlots('acme')).toMatchObject([{ lease: 'heir', node: 'w2', streamId: idOf(2) }]);
    expect((await state.takeSlot(slot('third'))).granted).toBe(false);
    expect(await state.takeSlot(slot('heir', 'w2', { streamId: idOf(2) }))).toEqual({ granted: true });
  });

  test('a promise is void once its heir has given up, has been served otherwise, or is late', async () => {
    const { state } = store();
    await state.putProvider({ ...acme, maxConnections: 1 });
    const promise = async (lease: string): Promise<void> => {
      const heir = { lease: `heir of ${lease}`, holder: holder('w2') };
      expect(await state.promiseSlot({ providerId: 'acme', lease, heir, forMs: 1_000 })).toBe(true);
    };
    await state.takeSlot(slot('a'));
    await promise('a');
    await state.releaseSlots([{ providerId: 'acme', lease: 'heir of a' }]);
    await state.releaseSlots([{ providerId: 'acme', lease: 'a' }]);
    expect(await leases()).toEqual([]);

    await state.takeSlot(slot('b'));
    await promise('b');
    await state.putProvider({ ...acme, maxConnections: 2 });
    expect(await state.takeSlot(slot('heir of b', 'w2'))).toEqual({ granted: true });
    await state.releaseSlots([{ providerId: 'acme', lease: 'b' }]);
    expect(await leases()).toEqual(['heir of b']);

    await state.putProvider({ ...acme, maxConnections: 1 });
    await promise('heir of b');
    await state.releaseSlots([{ providerId: 'acme', lease: 'heir of b' }]);
    expect(await leases()).toEqual(['heir of heir of b']);
    // It was not come for: free, long before a node's lease has passed.
    await pass(store(), 1_100);
    expect(await state.takeSlot(slot('c'))).toEqual({ granted: true });
  });

  test('a beat takes up connections that the store does not know, and ends what a former life held', async () => {
    const { state } = store();
    await state.putProvider({ ...acme, maxConnections: 1 });
    await state.takeSlot(slot('former', 'w1', { life: 'former' }));
    const other = { node: 'w2', life: 'first', held: [slot('x', 'w2'), slot('y', 'w2')], released: [] };
    const reply = await state.beatSlots(other);
    expect(reply).toEqual({
      providers: [{ ...acme, maxConnections: 1 }],
      generation: await state.generation(),
    });
    expect(await leases()).toEqual(['former', 'x', 'y']);
    await state.beatSlots({ node: 'w1', life: 'second', isFirst: true, held: [], released: [] });
    expect(await leases()).toEqual(['x', 'y']);
    await state.beatSlots({
      ...other,
      held: [slot('x', 'w2')],
      released: [{ providerId: 'acme', lease: 'y' }],
    });
    expect(await leases()).toEqual(['x']);
    const unknown = { ...slot('z', 'w2'), providerId: 'unknown' };
    await state.beatSlots({ ...other, held: [unknown] });
    expect(await state.listSlots('unknown')).toEqual([]);
  });

  test('a removed provider takes its slots along', async () => {
    const { state } = store();
    await state.putProvider({ ...acme, maxConnections: 1 });
    await state.takeSlot(slot('old'));
    expect(await state.removeProvider('acme')).toBe(true);
    expect(await leases()).toEqual([]);
    await state.putProvider({ ...acme, maxConnections: 1 });
    expect(await state.takeSlot(slot('new'))).toEqual({ granted: true });
  });
}
