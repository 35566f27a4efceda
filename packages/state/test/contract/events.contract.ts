import type { Store } from './cluster-state.contract.ts';
import { beat, idOf } from './records.ts';

export function describeEvents(store: () => Store): void {
  test('events are read oldest first, on from any of them, and by stream', async () => {
    const { state, advance } = store();
    await state.publish({ type: 'stream_started', streamId: idOf(1), data: { kind: 'transcode', pid: 7 } });
    await advance(5);
    await state.publish({ type: 'client_connected', streamId: idOf(2), data: { ok: true } });
    await state.publish({ type: 'stream_stopped', streamId: idOf(1), data: {} });
    const all = await state.readEvents();
    expect(all.map(({ type }) => type)).toEqual(['stream_started', 'client_connected', 'stream_stopped']);
    expect(all[0]).toMatchObject({ streamId: idOf(1), data: { kind: 'transcode', pid: 7 } });
    expect(all[1]?.data).toEqual({ ok: true });
    expect((all[1]?.atMs ?? 0) - (all[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(5);
    expect(await state.readEvents({ after: all[0]?.id as string })).toEqual(all.slice(1));
    expect(await state.readEvents({ limit: 2 })).toEqual(all.slice(0, 2));
    expect(await state.readEvents({ streamId: idOf(1) })).toEqual([all[0], all[2]]);
    expect(await state.readEvents({ streamId: idOf(1), after: all[0]?.id as string })).toEqual([all[2]]);
    expect(await state.readEvents({ after: all[2]?.id as string })).toEqual([]);
    await expect(state.readEvents({ after: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('a wait ends with the first event of any node, and without one in time', async () => {
    const { state, connect } = store();
    const start = await state.eventsEnd();
    expect(await state.waitForEvents({ after: start, waitMs: 20 })).toEqual([]);
    const other = await connect();
    const waiting = state.waitForEvents({ after: start, waitMs: 5_000 });
    await other.publish({ type: 'stream_started', streamId: idOf(1), data: {} });
    const [event, ...none] = await waiting;
    expect(event).toMatchObject({ type: 'stream_started', streamId: idOf(1) });
    expect(none).toEqual([]);
    expect(await state.eventsEnd()).toBe(event?.id);
    await other.heartbeat(
      beat('w1', { events: [{ type: 'stream_stopped', streamId: idOf(1), data: { n: 1 } }] }),
    );
    const next = await state.waitForEvents({ after: event?.id as string, waitMs: 5_000 });
    expect(next).toEqual(await state.readEvents({ after: event?.id as string }));
    await expect(state.waitForEvents({ after: 'nonsense', waitMs: 1 })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
    });
    await other.close();
  });

  test('no credentials in events', async () => {
    const { state } = store();
    const data = { reason: 'GET http://p.example/?password=hunter2 answered 403' };
    await state.publish({ type: 'stream_failed', streamId: idOf(1), data });
    expect(JSON.stringify(await state.readEvents()) + (await store().shown())).not.toContain('hunter2');
  });

  test('only the newest 10,000 are kept', async () => {
    const { state } = store();
    for (let i = 0; i < 11; i++) {
      const events = Array.from({ length: 1_000 }, (_, j) => ({
        type: 'client_connected' as const,
        streamId: idOf(1),
        data: { n: i * 1_000 + j },
      }));
      await state.heartbeat(beat('w1', { events }));
    }
    const kept = await state.readEvents({ limit: 20_000 });
    expect(kept).toHaveLength(10_000);
    expect(kept[0]?.data.n).toBe(1_000);
    expect(kept.at(-1)?.data.n).toBe(10_999);
    expect(await state.readEvents()).toHaveLength(1_000);
    const tail = await state.readEvents({ after: kept[9_990]?.id as string });
    expect(tail.map(({ data }) => data.n)).toEqual([
      10_991, 10_992, 10_993, 10_994, 10_995, 10_996, 10_997, 10_998, 10_999,
    ]);
  });
}
