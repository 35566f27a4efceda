import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';
import { pass } from './time.ts';

const S = idOf(1);
const w1 = { id: 'w1', host: 'host-of-w1' };
const w2 = { id: 'w2', host: 'host-of-w2' };

export function describeOwnership(store: () => Store): void {
  beforeEach(async () => {
    await store().state.putStream(definition(1));
  });

  test('the first claim wins, everybody else learns who did', async () => {
    const { state } = store();
    expect(await state.claim(S, w1)).toEqual({ granted: true, owner: 'w1', epoch: 1 });
    expect(await state.claim(S, w2)).toEqual({ granted: false, owner: 'w1', epoch: 1 });
    expect(await state.claim(S, w1)).toEqual({ granted: true, owner: 'w1', epoch: 1 });
    expect(await state.getStream(S)).toMatchObject({
      owner: 'w1',
      host: 'host-of-w1',
      epoch: 1,
      state: 'starting',
    });
    await expect(state.claim(idOf(9), w1)).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  });

  test('a claim says whether the stream goes on from another worker', async () => {
    const { state } = store();
    const claim = (worker: typeof w1, deposes?: number) =>
      state.claim(S, worker, deposes === undefined ? {} : { deposes });
    await claim(w1);
    // It has never played.
    expect(await claim(w2, 1)).toEqual({ granted: true, owner: 'w2', epoch: 2 });
    for (const [i, playing] of (['live', 'switching', 'draining'] as const).entries()) {
      const [from, to] = i % 2 ? [w1, w2] : [w2, w1];
      const epoch = 2 + i;
      await state.report({ streamId: S, epoch, state: playing });
      expect(await claim(to, epoch)).toEqual({
        ...{ granted: true, owner: to.id, epoch: epoch + 1, continues: true },
      });
      expect(await claim(to)).toEqual({ granted: true, owner: to.id, epoch: epoch + 1 });
      expect(await claim(from)).toEqual({ granted: false, owner: to.id, epoch: epoch + 1 });
    }
    await state.report({ streamId: S, epoch: 5, state: 'failed' });
    expect(await claim(w2, 5)).toEqual({ granted: true, owner: 'w2', epoch: 6 });
    await state.report({ streamId: S, epoch: 6, state: 'live' });
    await state.release(S, 6);
    expect(await claim(w1)).toEqual({ granted: true, owner: 'w1', epoch: 7 });
  });

  test('of many claims at the same instant exactly one is granted', async () => {
    const nodes = await Promise.all([store().connect(), store().connect(), store().connect()]);
    const claims = await Promise.all(
      nodes.flatMap((node, i) =>
        Array.from({ length: 10 }, (_, j) => node.claim(S, { id: `w${i}-${j}`, host: 'h' })),
      ),
    );
    const granted = claims.filter((claim) => claim.granted);
    expect(granted).toHaveLength(1);
    for (const claim of claims) expect(claim).toMatchObject({ owner: granted[0]?.owner, epoch: 1 });
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('a lease that nobody renews is free, and the late owner finds its epoch stale', async () => {
    const { state, leaseMs, advance } = store();
    await state.claim(S, w1);
    await advance(leaseMs - 100);
    expect(await state.claim(S, w2)).toMatchObject({ granted: false });
    await advance(101);
    expect(await state.claim(S, w2)).toEqual({ granted: true, owner: 'w2', epoch: 2 });
    await expect(state.report({ streamId: S, epoch: 1, state: 'live' })).rejects.toMatchObject({
      code: 'STALE_EPOCH',
      info: { owner: 'w2', epoch: 2 },
    });
    await expect(state.release(S, 1)).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    const reply = await state.heartbeat(beat('w1', { streams: [{ streamId: S, epoch: 1, state: 'live' }] }));
    expect(reply.stale).toEqual([{ streamId: S, owner: 'w2', epoch: 2 }]);
    expect(await state.getStream(S)).toMatchObject({ owner: 'w2', epoch: 2, state: 'starting' });
  });

  test.each(['report', 'heartbeat', 'claim'] as const)('a %s renews the lease', async (by) => {
    const { state, leaseMs, advance } = store();
    const { epoch } = await state.claim(S, w1);
    for (let i = 0; i < 3; i++) {
      await advance(leaseMs * 0.6);
      if (by === 'report') await state.report({ streamId: S, epoch });
      else if (by === 'claim') await state.claim(S, w1);
      else await state.heartbeat(beat('w1', { streams: [{ streamId: S, epoch }] }));
      expect(await state.claim(S, w2)).toMatchObject({ granted: false, owner: 'w1' });
    }
  });

  test('the streams of a worker that is dead by heartbeat are free, whatever their leases say', async () => {
    const { state, leaseMs } = store();
    await state.heartbeat(beat('w1'));
    await pass(store(), leaseMs * 0.6);
    const { epoch } = await state.claim(S, w1);
    await state.report({ streamId: S, epoch, state: 'live' });
    expect(await state.claim(S, w2)).toMatchObject({ granted: false });
    await pass(store(), leaseMs * 0.6);
    expect(await state.claim(S, w2)).toMatchObject({ granted: true, epoch: epoch + 1 });
  });

  test('an owner that was seen to die is deposed at once, but only under the epoch it was seen with', async () => {
    const { state } = store();
    await state.claim(S, w1);
    expect(await state.claim(S, w2, { deposes: 0 })).toMatchObject({ granted: false, owner: 'w1', epoch: 1 });
    expect(await state.claim(S, w2, { deposes: 1 })).toEqual({ granted: true, owner: 'w2', epoch: 2 });
    // The second witness of the same death must not depose the new owner.
    const w3 = { id: 'w3', host: 'h3' };
    expect(await state.claim(S, w3, { deposes: 1 })).toEqual({ granted: false, owner: 'w2', epoch: 2 });
    expect(await state.readEvents({ streamId: S })).toMatchObject([
      { type: 'owner_changed', data: { from: 'w1', to: 'w2', epoch: 2 } },
    ]);
  });

  test('a released stream is free, and epochs go on', async () => {
    const { state } = store();
    await state.claim(S, w1);
    await state.report({ streamId: S, epoch: 1, state: 'live', ffmpegPid: 4711, fps: 25, lastError: 'late' });
    expect(await state.release(S, 1)).toBe(true);
    expect(await state.release(idOf(9), 1)).toBe(false);
    const record = await state.getStream(S);
    expect(record).toMatchObject({ owner: '', host: '', epoch: 1, state: 'idle', lastError: 'late' });
    expect(record).not.toHaveProperty('ffmpegPid');
    expect(record).not.toHaveProperty('fps');
    await expect(state.release(S, 1)).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    await expect(state.report({ streamId: S, epoch: 1 })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
    // Its owner let go of the process itself: nothing is left to be looked for, and nobody was deposed.
    expect(await state.orphanProcesses('host-of-w1')).toEqual([]);
    expect(await state.claim(S, w2)).toEqual({ granted: true, owner: 'w2', epoch: 2 });
    expect(await state.readEvents()).toEqual([]);
  });

  test('why a stream ended stays readable after its release', async () => {
    const { state } = store();
    const { epoch } = await state.claim(S, w1);
    await state.report({ streamId: S, epoch, state: 'failed', lastError: 'all sources failed' });
    await state.release(S, epoch);
    expect(await state.getStream(S)).toMatchObject({ state: 'failed', lastError: 'all sources failed' });
  });

  test('a report writes what it names, clears what it nulls, leaves the rest', async () => {
    const { state } = store();
    const { epoch } = await state.claim(S, w1);
    await state.report({
      streamId: S,
      epoch,
      state: 'live',
      ffmpegPid: 4711,
      ffmpegStartTicks: 123456789,
      bitrateKbps: 3987.5,
      fps: 25,
      speed: 1.01,
      failoverIndex: 2,
      failoverAttempts: 3,
      lastError: 'http://u:p4ss@x.example/ answered 403',
    });
    const all = {
      state: 'live',
      ffmpegPid: 4711,
      ffmpegStartTicks: 123456789,
      bitrateKbps: 3987.5,
      fps: 25,
      speed: 1.01,
      failoverIndex: 2,
      failoverAttempts: 3,
    };
    expect(await state.getStream(S)).toMatchObject(all);
    expect((await state.getStream(S))?.lastError).toMatch(/x\.example\/ answered 403$/);
    expect(JSON.stringify(await state.getStream(S)) + (await store().shown())).not.toContain('p4ss');
    await state.report({ streamId: S, epoch, fps: null, lastError: null, ffmpegPid: null });
    const { fps: _, ffmpegPid: __, ...rest } = all;
    const record = await state.getStream(S);
    expect(record).toMatchObject(rest);
    for (const cleared of ['fps', 'lastError', 'ffmpegPid']) expect(record).not.toHaveProperty(cleared);
  });

  test('the last access cannot lie in the future of the store', async () => {
    const { state } = store();
    const { epoch } = await state.claim(S, w1);
    const { nowMs } = await state.heartbeat(
      beat('w1', { streams: [{ streamId: S, epoch, lastAccessMs: Number.MAX_SAFE_INTEGER }] }),
    );
    expect((await state.getStream(S))?.lastAccessMs).toBeLessThanOrEqual(nowMs);
    await state.report({ streamId: S, epoch, lastAccessMs: nowMs - 5_000 });
    expect((await state.getStream(S))?.lastAccessMs).toBe(nowMs - 5_000);
  });

  test('an epoch above the store’s is adopted: it is the store that forgot', async () => {
    const { state } = store();
    await state.claim(S, w2);
    const reply = await state.heartbeat(
      beat('w1', { streams: [{ streamId: S, epoch: 7, state: 'live', ffmpegPid: 9 }] }),
    );
    expect(reply.stale).toEqual([]);
    expect(await state.getStream(S)).toMatchObject({
      owner: 'w1',
      host: 'host-of-w1',
      epoch: 7,
      state: 'live',
    });
    const other = await state.heartbeat(beat('w2', { streams: [{ streamId: S, epoch: 1 }] }));
    expect(other.stale).toEqual([{ streamId: S, owner: 'w1', epoch: 7 }]);
    // Outside a beat nobody can be adopted: a report does not say who makes it.
    await expect(state.report({ streamId: S, epoch: 8 })).rejects.toMatchObject({ code: 'STALE_EPOCH' });
  });

  test('two workers that remember the same epoch are told apart by name', async () => {
    const { state } = store();
    await state.claim(S, w2);
    const reply = await state.heartbeat(beat('w1', { streams: [{ streamId: S, epoch: 1, state: 'live' }] }));
    expect(reply.stale).toEqual([{ streamId: S, owner: 'w2', epoch: 1 }]);
    expect(await state.getStream(S)).toMatchObject({ owner: 'w2', state: 'starting' });
  });

  test('the process of an owner that lost its stream is listed for its host until forgotten', async () => {
    const { state, leaseMs } = store();
    await state.heartbeat(beat('w1'));
    const { epoch } = await state.claim(S, w1);
    await state.report({ streamId: S, epoch, ffmpegPid: 4711, ffmpegStartTicks: 99 });
    await pass(store(), leaseMs + 1);
    await state.claim(S, w2);
    expect(await state.getStream(S)).not.toHaveProperty('ffmpegPid');
    const [orphan, ...rest] = await state.orphanProcesses('host-of-w1');
    expect(rest).toEqual([]);
    expect(orphan).toMatchObject({
      host: 'host-of-w1',
      pid: 4711,
      startTicks: 99,
      streamId: S,
      owner: 'w1',
      ownerPid: 100,
    });
    expect(orphan?.sinceMs).toBeGreaterThan(0);
    expect(await state.orphanProcesses('host-of-w2')).toEqual([]);
    await state.forgetProcesses('host-of-w1', [4712]);
    expect(await state.orphanProcesses('host-of-w1')).toHaveLength(1);
    await state.forgetProcesses('host-of-w1', [4711]);
    expect(await state.orphanProcesses('host-of-w1')).toEqual([]);
  });

  test('a process whose worker gets its stream back is not an orphan any more', async () => {
    const { state, leaseMs, advance } = store();
    const { epoch } = await state.claim(S, w1);
    await state.report({ streamId: S, epoch, ffmpegPid: 4711 });
    await advance(leaseMs + 1);
    await state.release(S, epoch, { onlyExpired: true });
    expect(await state.orphanProcesses('host-of-w1')).toHaveLength(1);
    const back = await state.claim(S, w1);
    expect(back).toEqual({ granted: true, owner: 'w1', epoch: 2 });
    await state.heartbeat(beat('w1', { streams: [{ streamId: S, epoch: 2, ffmpegPid: 4711 }] }));
    expect(await state.orphanProcesses('host-of-w1')).toEqual([]);
  });

  test('a removal planned for the dead leaves the living alone', async () => {
    const { state, leaseMs, advance } = store();
    const { epoch } = await state.claim(S, w1);
    expect(await state.release(S, epoch, { onlyExpired: true })).toBe(false);
    expect(await state.getStream(S)).toMatchObject({ owner: 'w1' });
    await advance(leaseMs + 1);
    expect(await state.release(S, epoch, { onlyExpired: true })).toBe(true);
    expect(await state.getStream(S)).toMatchObject({ owner: '', epoch });
  });

  test('a beat learns which of the streams it follows have another owner', async () => {
    const { state } = store();
    for (const n of [2, 3]) await state.putStream(definition(n));
    for (const n of [1, 2, 3]) await state.claim(idOf(n), w1);
    const follows = [1, 2, 3, 9].map((n) => ({ streamId: idOf(n), epoch: 1 }));
    expect((await state.heartbeat(beat('gw', { follows }))).moved).toEqual([]);
    await state.claim(idOf(2), w2, { deposes: 1 });
    // Nobody plays it: there is nothing to move to, and its owner of before may come back.
    await state.claim(idOf(3), w2, { deposes: 1 });
    await state.release(idOf(3), 2);
    const reply = await state.heartbeat(beat('gw', { follows }));
    expect(reply.moved).toEqual([{ streamId: idOf(2), owner: 'w2', epoch: 2 }]);
    // A stream that is only followed is nobody's report: its absence is not the follower's to mend.
    expect(reply).toMatchObject({ missing: [], stale: [] });
    const upToDate = [{ streamId: idOf(2), epoch: 2 }];
    expect((await state.heartbeat(beat('gw', { follows: upToDate }))).moved).toEqual([]);
    expect((await state.heartbeat(beat('gw'))).moved).toEqual([]);
  });

  test('an owner that was adopted is one that a stream has moved to', async () => {
    const { state } = store();
    await state.claim(S, w2);
    const follows = [{ streamId: S, epoch: 1 }];
    await state.heartbeat(beat('w1', { streams: [{ streamId: S, epoch: 7 }] }));
    expect((await state.heartbeat(beat('gw', { follows }))).moved).toEqual([
      { streamId: S, owner: 'w1', epoch: 7 },
    ]);
  });

  test('viewers survive a change of owner', async () => {
    const { state } = store();
    await state.claim(S, w1);
    await state.heartbeat(beat('gw', { clients: [client('c1', S, 'gw'), client('c2', S, 'gw')] }));
    await state.claim(S, w2, { deposes: 1 });
    expect(await state.getStream(S)).toMatchObject({ owner: 'w2', viewers: 2 });
  });
}
