import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';
import { pass } from './time.ts';

const S = idOf(1);
const w2 = { id: 'w2', host: 'host-of-w2' };
const LONG_MS = 600_000;

/** The store was away, or everybody's way to it: silence of all says nothing of anybody. */
export function describeSilence(store: () => Store): void {
  beforeEach(async () => {
    const { state } = store();
    await state.putStream(definition(1));
    await state.heartbeat(beat('w1', { clients: [client('c1', S, 'w1')] }));
    await state.heartbeat(beat('w2', { clients: [client('c2', S, 'w2')] }));
    const { epoch } = await state.claim(S, { id: 'w1', host: 'host-of-w1' });
    await state.report({ streamId: S, epoch, state: 'live', ffmpegPid: 4711 });
  });

  async function expectAllAlive(): Promise<void> {
    const { state } = store();
    expect(await state.sweep()).toMatchObject({ deadWorkers: [], orphans: [], expiredClients: [] });
    expect(await state.claim(S, w2)).toEqual({ granted: false, owner: 'w1', epoch: 1 });
    expect(await state.release(S, 1, { onlyExpired: true })).toBe(false);
    expect(await state.removeWorker('w1', { onlyExpired: true })).toBe(false);
    const viewers = [
      { streamId: S, clientId: 'c1' },
      { streamId: S, clientId: 'c2' },
    ];
    expect(await state.removeClients(viewers, { onlyExpired: true })).toBe(0);
    expect((await state.listWorkers()).filter(({ alive }) => !alive)).toEqual([]);
    expect(await state.getStream(S)).toMatchObject({ owner: 'w1', state: 'live', viewers: 2 });
  }

  test('nobody is dead while nobody is heard, nor when the first one is heard again', async () => {
    const { state, advance } = store();
    await advance(LONG_MS);
    await expectAllAlive();
    await state.heartbeat(beat('w2'));
    await expectAllAlive();
    expect(await state.orphanProcesses('host-of-w1')).toEqual([]);
  });

  test('who comes back in time goes on as if nothing had been', async () => {
    const { state, leaseMs, advance } = store();
    await advance(LONG_MS);
    await state.heartbeat(beat('w2', { clients: [client('c2', S, 'w2')] }));
    await pass(store(), leaseMs * 0.7);
    await expectAllAlive();
    const streams = [{ streamId: S, epoch: 1, state: 'live' as const }];
    const reply = await state.heartbeat(beat('w1', { streams, clients: [client('c1', S, 'w1')] }));
    expect(reply).toMatchObject({ stale: [], missing: [] });
    await state.heartbeat(beat('w2'));
    await pass(store(), leaseMs * 0.7);
    await expectAllAlive();
  });

  test('who does not is dead a lease after the others are heard, and not later', async () => {
    const { state, leaseMs, clientTtlMs, advance } = store();
    await advance(LONG_MS);
    await pass(store(), leaseMs);
    const { deadWorkers, orphans } = await state.sweep();
    expect(deadWorkers.map(({ id }) => id).sort()).toEqual(['w1', 'w2']);
    expect(orphans).toMatchObject([{ streamId: S, owner: 'w1', viewers: 2 }]);
    const alive = new Map((await state.listWorkers()).map((worker) => [worker.id, worker.alive]));
    expect(Object.fromEntries(alive)).toEqual({ w1: false, w2: false, bystander: true });
    expect(await state.claim(S, { id: 'bystander', host: 'h' })).toMatchObject({ granted: true, epoch: 2 });
    await pass(store(), clientTtlMs - leaseMs);
    expect((await state.sweep()).expiredClients).toHaveLength(2);
  });

  test('an owner that was seen to die is deposed at once all the same', async () => {
    const { state, advance } = store();
    await advance(LONG_MS);
    expect(await state.claim(S, w2, { deposes: 1 })).toMatchObject({ granted: true, owner: 'w2', epoch: 2 });
  });

  test('several outages in a row do not add up to a death', async () => {
    const { state, leaseMs, advance } = store();
    for (let i = 0; i < 5; i++) {
      const streams = [{ streamId: S, epoch: 1 }];
      await state.heartbeat(beat('w1', { streams, clients: [client('c1', S, 'w1')] }));
      await state.heartbeat(beat('w2', { clients: [client('c2', S, 'w2')] }));
      await pass(store(), leaseMs / 3);
      await advance(LONG_MS);
      await expectAllAlive();
    }
  });

  test('one node that goes on alone finds the others dead', async () => {
    const { state, leaseMs, advance } = store();
    // A gap between the beats of a lone node is longer than what counts of it, so this takes a little more than a lease.
    for (let waited = 0; waited < leaseMs * 1.5; waited += leaseMs / 3) {
      await advance(leaseMs / 3);
      await state.heartbeat(beat('w2', { clients: [client('c2', S, 'w2')] }));
    }
    expect((await state.sweep()).deadWorkers.map(({ id }) => id)).toEqual(['w1']);
    expect(await state.claim(S, w2)).toMatchObject({ granted: true, epoch: 2 });
  });
}
