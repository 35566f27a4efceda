import type { ClientRecord } from '../../src/index.ts';
import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';

export function describeClients(store: () => Store): void {
  beforeEach(async () => {
    for (const n of [1, 2]) await store().state.putStream(definition(n));
  });

  test('a viewer’s record comes back as it was told, and is counted', async () => {
    const { state } = store();
    const whole = client('c1', idOf(1), 'w1', {
      username: 'alice',
      ip: '2001:db8::7',
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) ünï "quoted"',
      bytes: 5_000_000_000,
      lagBytes: 188,
      skips: 2,
      lastActiveMs: 1_700_000_001_000,
    });
    await state.heartbeat(beat('w1', { clients: [whole] }));
    expect((await state.listClients()).items).toEqual([whole]);
    expect(await state.getClient('c1')).toEqual(whole);
    expect((await state.getStream(idOf(1)))?.viewers).toBe(1);
    const { username: _, ...anonymous } = { ...whole, bytes: 6_000_000_000, skips: 3 };
    await state.heartbeat(beat('w1', { clients: [anonymous] }));
    expect(await state.getClient('c1')).toEqual(anonymous);
    expect((await state.getStream(idOf(1)))?.viewers).toBe(1);
    expect(await state.getClient('nobody')).toBeUndefined();
  });

  test('one client id may watch two streams; the more recently active one is the client’s', async () => {
    const { state } = store();
    await state.heartbeat(
      beat('w1', {
        clients: [
          client('tv', idOf(1), 'w1', { lastActiveMs: 1_700_000_002_000 }),
          client('tv', idOf(2), 'w1', { lastActiveMs: 1_700_000_001_000 }),
          client('tv:2', idOf(2), 'w1', { lastActiveMs: 1_700_000_009_000 }),
        ],
      }),
    );
    expect(await state.getClient('tv')).toMatchObject({ streamId: idOf(1) });
    expect(await state.getClient('tv:2')).toMatchObject({ streamId: idOf(2) });
    expect((await state.listClients({ streamId: idOf(2) })).items).toHaveLength(2);
    const all = (await state.clientsOf('tv')).map(({ id, streamId }) => `${id} ${streamId}`);
    expect(all.sort()).toEqual([`tv ${idOf(1)}`, `tv ${idOf(2)}`].sort());
    expect(await state.clientsOf('nobody')).toEqual([]);
    await state.heartbeat(beat('w1', { gone: [{ streamId: idOf(1), clientId: 'tv' }] }));
    expect(await state.getClient('tv')).toMatchObject({ streamId: idOf(2) });
  });

  test('a viewer that has moved to another node outlives the farewell of the first', async () => {
    const { state } = store();
    await state.heartbeat(beat('w1', { clients: [client('c1', idOf(1), 'w1')] }));
    await state.heartbeat(beat('w2', { clients: [client('c1', idOf(1), 'w2')] }));
    await state.heartbeat(beat('w1', { gone: [{ streamId: idOf(1), clientId: 'c1' }] }));
    expect(await state.getClient('c1')).toMatchObject({ node: 'w2' });
    expect((await state.getStream(idOf(1)))?.viewers).toBe(1);
    await state.heartbeat(beat('w2', { gone: [{ streamId: idOf(1), clientId: 'c1' }] }));
    expect(await state.getClient('c1')).toBeUndefined();
    expect((await state.getStream(idOf(1)))?.viewers).toBe(0);
    // A node that is removed takes the viewers it holds now, not those it once held.
    await state.heartbeat(beat('w1', { clients: [client('c2', idOf(1), 'w1')] }));
    await state.heartbeat(beat('w2', { clients: [client('c2', idOf(1), 'w2')] }));
    await state.removeWorker('w1');
    expect(await state.getClient('c2')).toMatchObject({ node: 'w2' });
    await state.removeWorker('w2');
    expect(await state.getClient('c2')).toBeUndefined();
  });

  test.each([undefined, idOf(1)])('pages give every viewer once (of stream %s)', async (streamId) => {
    const { state } = store();
    const all: ClientRecord[] = [];
    for (let n = 0; n < 11; n++) {
      all.push(client(`c${n}`, idOf(1), 'w1'));
      if (streamId === undefined) all.push(client(`c${n}`, idOf(2), 'w1'));
    }
    await state.heartbeat(beat('w1', { clients: all }));
    const seen: ClientRecord[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await state.listClients({
        limit: 4,
        ...(streamId !== undefined && { streamId }),
        ...(after !== undefined && { after }),
      });
      expect(page.items.length).toBeLessThanOrEqual(4);
      seen.push(...page.items);
      after = page.next;
      // Beats go on while an operator reads: they must not move anybody to another page.
      await state.heartbeat(beat('w1', { clients: all.slice(0, 5) }));
      pages++;
    } while (after !== undefined);
    const key = (record: ClientRecord) => `${record.streamId}/${record.id}`;
    expect(seen.map(key).sort()).toEqual(all.map(key).sort());
    expect(pages).toBe(Math.ceil(all.length / 4));
    await expect(state.listClients({ after: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('viewers can be removed by name', async () => {
    const { state } = store();
    await state.heartbeat(beat('w1', { clients: ['a', 'b', 'c'].map((id) => client(id, idOf(1), 'w1')) }));
    const gone = [
      { streamId: idOf(1), clientId: 'a' },
      { streamId: idOf(1), clientId: 'c' },
      { streamId: idOf(1), clientId: 'nobody' },
    ];
    expect(await state.removeClients(gone, { onlyExpired: true })).toBe(0);
    expect(await state.removeClients(gone)).toBe(2);
    expect((await state.listClients({ streamId: idOf(1) })).items.map(({ id }) => id)).toEqual(['b']);
    expect((await state.getStream(idOf(1)))?.viewers).toBe(1);
  });

  test('thousands of viewers in one beat', async () => {
    const { state } = store();
    const many = Array.from({ length: 2_500 }, (_, n) => client(`c${n}`, idOf(1), 'gw'));
    await state.heartbeat(beat('gw', { clients: many }));
    expect((await state.getStream(idOf(1)))?.viewers).toBe(2_500);
    const gone = many.slice(500).map(({ id, streamId }) => ({ streamId, clientId: id }));
    await state.heartbeat(beat('gw', { gone }));
    expect((await state.getStream(idOf(1)))?.viewers).toBe(500);
    await state.removeWorker('gw');
    expect((await state.getStream(idOf(1)))?.viewers).toBe(0);
    expect((await state.listClients()).items).toEqual([]);
  });
}
