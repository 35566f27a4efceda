import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf, worker } from './records.ts';

export function describeWorkers(store: () => Store): void {
  test('a heartbeat is a registration; the store stamps it', async () => {
    const { state, advance } = store();
    const first = await state.heartbeat(beat('w1'));
    expect(first).toMatchObject({ stale: [], missing: [], status: 'ready' });
    expect(first.generation).not.toBe('');
    await advance(50);
    const second = await state.heartbeat(beat('w1'));
    expect(second.generation).toBe(first.generation);
    expect(second.nowMs).toBeGreaterThanOrEqual(first.nowMs + 50);
    const w0 = worker('w0', { publicUrl: 'https://w0.tv.example', role: 'gateway', startTicks: 7 });
    const third = await state.heartbeat({ ...beat('w0'), worker: w0 });
    const workers = await state.listWorkers();
    expect(workers[0]).toEqual({ ...w0, heartbeatMs: third.nowMs, alive: true });
    expect(workers[1]).toEqual({ ...worker('w1'), heartbeatMs: second.nowMs, alive: true });
  });

  test('an operator’s drain is shown at once, told to the worker, and survives its beats', async () => {
    const { state } = store();
    expect(await state.setWorkerStatus('w1', 'draining')).toBe(false);
    await state.heartbeat(beat('w1'));
    expect(await state.setWorkerStatus('w1', 'draining')).toBe(true);
    expect(await state.listWorkers()).toMatchObject([{ id: 'w1', status: 'draining' }]);
    expect((await state.heartbeat(beat('w1'))).status).toBe('draining');
    expect((await state.heartbeat(beat('w1'))).status).toBe('draining');
    await state.setWorkerStatus('w1', 'ready');
    expect((await state.heartbeat(beat('w1'))).status).toBe('ready');
  });

  test('a worker that drains by itself stays draining, whatever an operator wants', async () => {
    const { state } = store();
    const draining = { ...beat('w1'), worker: worker('w1', { status: 'draining' }) };
    expect((await state.heartbeat(draining)).status).toBe('draining');
    await state.setWorkerStatus('w1', 'ready');
    expect(await state.listWorkers()).toMatchObject([{ status: 'draining' }]);
  });

  test('a removed worker gives up its streams and its viewers', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    await state.putStream(definition(2));
    await state.heartbeat(beat('w1', { clients: [client('c1', idOf(2), 'w1')] }));
    await state.heartbeat(beat('w2', { clients: [client('c2', idOf(2), 'w2')] }));
    await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await state.claim(idOf(2), { id: 'w2', host: 'h2' });
    expect(await state.removeWorker('w1', { onlyExpired: true })).toBe(false);
    expect(await state.removeWorker('w1')).toBe(true);
    expect(await state.removeWorker('w1')).toBe(false);
    expect((await state.listWorkers()).map(({ id }) => id)).toEqual(['w2']);
    expect(await state.getStream(idOf(1))).toMatchObject({ owner: '', state: 'idle' });
    expect(await state.getStream(idOf(2))).toMatchObject({ owner: 'w2', viewers: 1 });
    expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['c2']);
  });

  test('a worker that restarts loses what its predecessor owned, and the orders it had', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    await state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1')] }));
    const { epoch } = await state.claim(idOf(1), { id: 'w1', host: 'host-of-w1' });
    await state.report({ streamId: idOf(1), epoch, state: 'live', ffmpegPid: 4711 });
    await state.setWorkerStatus('w1', 'draining');
    const restarted = worker('w1', { pid: 101, startedAtMs: 1_700_000_009_000 });
    expect((await state.heartbeat({ ...beat('w1'), worker: restarted })).status).toBe('ready');
    expect(await state.getStream(idOf(1))).toMatchObject({ owner: '', state: 'idle', viewers: 0 });
    expect(await state.orphanProcesses('host-of-w1')).toMatchObject([{ pid: 4711, ownerPid: 100 }]);
    expect(await state.claim(idOf(1), { id: 'w1', host: 'host-of-w1' })).toMatchObject({
      granted: true,
      epoch: epoch + 1,
    });
  });

  test('a claim made before the first heartbeat stays', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    const { epoch } = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    const reply = await state.heartbeat(beat('w1', { streams: [{ streamId: idOf(1), epoch }] }));
    expect(reply.stale).toEqual([]);
    expect(await state.getStream(idOf(1))).toMatchObject({ owner: 'w1', epoch });
  });

  test('two processes under one id: the later one has it, the earlier one is told', async () => {
    const { state } = store();
    await state.heartbeat(beat('w1'));
    const later = { ...beat('w1'), worker: worker('w1', { host: 'elsewhere', pid: 7 }) };
    await state.heartbeat(later);
    await expect(state.heartbeat(beat('w1'))).rejects.toMatchObject({
      code: 'WORKER_ID_TAKEN',
      info: { workerId: 'w1', host: 'elsewhere', pid: 7 },
    });
    await state.heartbeat(later);
    expect(await state.listWorkers()).toMatchObject([{ id: 'w1', host: 'elsewhere', pid: 7 }]);
  });

  test('a beat says everything at once', async () => {
    const { state } = store();
    for (const n of [1, 2]) await state.putStream(definition(n));
    const a = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await state.heartbeat(beat('w1', { clients: [client('old', idOf(1), 'w1')] }));
    const reply = await state.heartbeat(
      beat('w1', {
        streams: [
          { streamId: idOf(1), epoch: a.epoch, state: 'live', fps: 50 },
          { streamId: idOf(2), epoch: 0 },
          { streamId: idOf(3), epoch: 1 },
        ],
        clients: [client('new', idOf(1), 'w1'), client('lost', idOf(4), 'w1')],
        gone: [{ streamId: idOf(1), clientId: 'old' }],
        events: [{ type: 'stream_started', streamId: idOf(1), data: { pid: 1 } }],
      }),
    );
    expect(reply.stale).toEqual([{ streamId: idOf(2), owner: '', epoch: 0 }]);
    expect([...reply.missing].sort()).toEqual([idOf(3), idOf(4)]);
    expect(await state.getStream(idOf(1))).toMatchObject({ state: 'live', fps: 50, viewers: 1 });
    expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['new']);
    expect(await state.readEvents()).toMatchObject([{ type: 'stream_started', streamId: idOf(1) }]);
  });
}
