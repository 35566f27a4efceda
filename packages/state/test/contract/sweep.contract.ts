import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';
import { pass } from './time.ts';

export function describeSweep(store: () => Store): void {
  test('nothing that lives is swept', async () => {
    const { state, leaseMs, advance } = store();
    await state.putStream(definition(1));
    await state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1')] }));
    await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await advance(leaseMs / 2);
    const snapshot = await state.sweep();
    expect(snapshot).toMatchObject({ deadWorkers: [], orphans: [], expiredClients: [], truncated: false });
    expect(snapshot.nowMs).toBeGreaterThan(0);
  });

  test('dead workers and what they leave', async () => {
    const { state, leaseMs, clientTtlMs } = store();
    for (const n of [1, 2, 3]) await state.putStream(definition(n));
    await state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1')] }));
    await state.heartbeat(beat('w2'));
    for (const n of [1, 2]) {
      const { epoch } = await state.claim(idOf(n), { id: 'w1', host: 'host-of-w1' });
      await state.report({ streamId: idOf(n), epoch, state: 'live', ffmpegPid: 40 + n, ffmpegStartTicks: n });
    }
    const alive = await state.claim(idOf(3), { id: 'w2', host: 'host-of-w2' });
    await pass(store(), leaseMs + 1);
    await state.heartbeat(
      beat('w2', {
        streams: [{ streamId: idOf(3), epoch: alive.epoch }],
        clients: [client('c2', idOf(1), 'w2')],
      }),
    );
    const snapshot = await state.sweep();
    expect(snapshot.deadWorkers.map(({ id }) => id)).toEqual(['w1']);
    const orphans = [...snapshot.orphans].sort((a, b) => (a.streamId < b.streamId ? -1 : 1));
    const common = { owner: 'w1', epoch: 1, host: 'host-of-w1' };
    expect(orphans).toEqual([
      { ...common, streamId: idOf(1), viewers: 2, ffmpegPid: 41, ffmpegStartTicks: 1 },
      { ...common, streamId: idOf(2), viewers: 0, ffmpegPid: 42, ffmpegStartTicks: 2 },
    ]);
    expect(snapshot.expiredClients).toEqual([]);
    await pass(store(), clientTtlMs - leaseMs);
    const later = await state.sweep();
    expect(later.expiredClients).toEqual([{ streamId: idOf(1), clientId: 'c1', node: 'w1' }]);
    expect(await state.removeWorker('w1', { onlyExpired: true })).toBe(true);
    const after = await state.sweep();
    expect(after.deadWorkers.map(({ id }) => id)).not.toContain('w1');
    expect(after.orphans.map(({ owner }) => owner)).not.toContain('w1');
    expect(after.expiredClients).toEqual([]);
  });

  test('a stream claimed just before its owner’s last breath does not wait for its own lease', async () => {
    const { state, leaseMs } = store();
    await state.putStream(definition(1));
    await state.heartbeat(beat('w1'));
    await pass(store(), leaseMs * 0.6);
    const { epoch } = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    expect((await state.sweep()).orphans).toEqual([]);
    expect(await state.release(idOf(1), epoch, { onlyExpired: true })).toBe(false);
    await pass(store(), leaseMs * 0.6);
    expect((await state.sweep()).orphans).toMatchObject([{ streamId: idOf(1), owner: 'w1', epoch }]);
    expect(await state.release(idOf(1), epoch, { onlyExpired: true })).toBe(true);
    expect((await state.sweep()).orphans).toEqual([]);
  });

  test('a stream that its living owner stopped speaking of is an orphan', async () => {
    const { state, leaseMs } = store();
    await state.putStream(definition(1));
    await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await pass(store(), leaseMs + 1);
    await state.heartbeat(beat('w1'));
    const { deadWorkers, orphans } = await state.sweep();
    expect(deadWorkers).toEqual([]);
    expect(orphans).toMatchObject([{ streamId: idOf(1), owner: 'w1', epoch: 1 }]);
  });

  test('a viewer that its node keeps mentioning does not expire', async () => {
    const { state, clientTtlMs } = store();
    await state.putStream(definition(1));
    for (const id of ['kept', 'lost'])
      await state.heartbeat(beat('w1', { clients: [client(id, idOf(1), 'w1')] }));
    await pass(store(), clientTtlMs * 0.7);
    await state.heartbeat(beat('w1', { clients: [client('kept', idOf(1), 'w1')] }));
    await pass(store(), clientTtlMs * 0.7);
    const { expiredClients } = await state.sweep();
    expect(expiredClients).toEqual([{ streamId: idOf(1), clientId: 'lost', node: 'w1' }]);
    const both = ['kept', 'lost'].map((clientId) => ({ streamId: idOf(1), clientId }));
    expect(await state.removeClients(both, { onlyExpired: true })).toBe(1);
    expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['kept']);
    expect((await state.getStream(idOf(1)))?.viewers).toBe(1);
    expect((await state.sweep()).expiredClients).toEqual([]);
  });

  test('one sweep has a budget, and says when there is more', async () => {
    const { state, clientTtlMs, leaseMs } = store();
    await state.putStream(definition(1));
    const many = Array.from({ length: 10_500 }, (_, n) => client(`c${n}`, idOf(1), 'gw'));
    await state.heartbeat(beat('gw', { clients: many }));
    // More than their time: of a beat that takes long on a busy machine not all of it counts.
    await pass(store(), clientTtlMs + leaseMs);
    const first = await state.sweep();
    expect(first.truncated).toBe(true);
    expect(first.expiredClients).toHaveLength(10_000);
    expect(await state.removeClients(first.expiredClients, { onlyExpired: true })).toBe(10_000);
    const second = await state.sweep();
    expect(second.truncated).toBe(false);
    expect(second.expiredClients).toHaveLength(500);
    await state.removeClients(second.expiredClients, { onlyExpired: true });
    expect((await state.getStream(idOf(1)))?.viewers).toBe(0);
  });
}
