import type { NodeEvent, Presence } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';

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

  test('what a node says of a viewer without a socket is told where it happened, and shows nothing of how it was told', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    const data = { clientId: 'tv' };
    const told = (type: 'client_connected' | 'client_disconnected', presence: Presence): NodeEvent => ({
      ...{ type, streamId: idOf(1), data, presence },
    });
    const events: NodeEvent[] = [
      told('client_connected', { clientId: 'tv', does: 'came', visit: '1' }),
      { type: 'stream_started', streamId: idOf(1), data: {} },
      told('client_disconnected', { clientId: 'tv', does: 'went', visit: '1' }),
      told('client_connected', { clientId: 'tv', does: 'came', visit: '2' }),
    ];
    await state.heartbeat(beat('w1', { events, clients: [client('tv', idOf(1), 'w1', { segments: 0 })] }));
    await state.heartbeat(
      beat('w1', {
        // The only node: there is none to go on at.
        events: [told('client_disconnected', { clientId: 'tv', does: 'moves', visit: '2' })],
        gone: [{ streamId: idOf(1), clientId: 'tv' }],
      }),
    );
    const all = await state.readEvents();
    const [came, went] = ['client_connected', 'client_disconnected'];
    expect(all.map(({ type }) => type)).toEqual([came, 'stream_started', went, came, went]);
    for (const event of all)
      expect(Object.keys(event).sort()).toEqual(['atMs', 'data', 'id', 'streamId', 'type']);
    expect(all.map((event) => event.data)).toEqual([data, {}, data, data, data]);
    expect((await state.getStream(idOf(1)))?.viewers).toBe(0);
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
