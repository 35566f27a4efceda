import type { Store } from './cluster-state.contract.ts';
import { beat, client, definition, idOf } from './records.ts';

export function describeStreams(store: () => Store): void {
  test('a definition comes back whole, to every node', async () => {
    const whole = definition(1, {
      failoverUrls: ['http://backup.example/?token=hush'],
      failoverResolverUrl: 'http://resolver.example/next',
      userAgent: 'Kodi/21',
      headers: { 'X-Key': 'v' },
      metadata: { id: '17', name: 'Das Erste' },
      profile: 'hq',
      profileVariables: { crf: '20' },
      ffmpegArgs: ['-c:v', 'libx264'],
      format: 'mpegts',
      settings: { strict_live_ts: true, silence_duration: 3.5, note: 'x' },
    });
    expect(await store().state.putStream(whole)).toEqual({ created: true });
    const other = await store().connect();
    expect(await other.getDefinition(whole.id)).toEqual(whole);
    await other.close();
    expect(await store().state.getDefinition(idOf(2))).toBeUndefined();
    expect(await store().state.getStream(idOf(2))).toBeUndefined();
  });

  test('a new stream is idle, owned by nobody, and shown without credentials', async () => {
    const { state } = store();
    await state.putStream(
      definition(1, {
        failoverUrls: ['http://bob:hunter2@backup.example/a.ts'],
        headers: { Authorization: 'Bearer topsecret' },
        metadata: { logo: 'http://logos.example/1.png?token=abcdef', name: 'One' },
        profile: '-i {input_url} -f mpegts http://out.example/?password=qwerty',
      }),
    );
    const record = await state.getStream(idOf(1));
    expect(record).toMatchObject({
      id: idOf(1),
      state: 'idle',
      owner: '',
      host: '',
      epoch: 0,
      viewers: 0,
      failoverIndex: 0,
      failoverAttempts: 0,
      metadata: { name: 'One' },
      createdAtMs: 1_700_000_000_000,
    });
    expect(record?.url).toContain('provider.example');
    const texts = [JSON.stringify(record), JSON.stringify(await state.listStreams()), await store().shown()];
    for (const text of texts) {
      expect(text).toContain('provider.example');
      expect(text).not.toMatch(/s3cret|hunter2|topsecret|abcdef|qwerty/);
    }
  });

  test('the same id again replaces the definition and keeps its birth and what runs', async () => {
    const { state } = store();
    await state.putStream(definition(1, { metadata: { group: 'news', lang: 'de' } }));
    const { epoch } = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await state.report({ streamId: idOf(1), epoch, state: 'live' });
    const again = definition(1, {
      metadata: { group: 'sport' },
      failoverUrls: ['http://b/'],
      createdAtMs: 5,
    });
    expect(await state.putStream(again)).toEqual({ created: false });
    expect(await state.getDefinition(idOf(1))).toMatchObject({ createdAtMs: 1_700_000_000_000 });
    expect(await state.getStream(idOf(1))).toMatchObject({
      state: 'live',
      owner: 'w1',
      failoverUrls: ['http://b/'],
      metadata: { group: 'sport' },
      createdAtMs: 1_700_000_000_000,
    });
    expect(await state.findByMetadata('group', 'news')).toEqual([]);
    expect(await state.findByMetadata('lang', 'de')).toEqual([]);
    expect((await state.findByMetadata('group', 'sport')).map(({ id }) => id)).toEqual([idOf(1)]);
  });

  test('streams are found by a value of their metadata, exactly', async () => {
    const { state, advance } = store();
    await state.putStream(definition(1, { metadata: { type: 'channel', 'a:b': 'c' } }));
    await advance(5);
    await state.putStream(definition(2, { metadata: { type: 'channel', a: 'b:c' } }));
    await advance(5);
    await state.putStream(
      definition(3, { metadata: { type: 'Channel', url: 'http://x.example/?token=t1' } }),
    );
    const ids = async (field: string, value: string) =>
      (await state.findByMetadata(field, value)).map((record) => record.id);
    expect(await ids('type', 'channel')).toEqual([idOf(2), idOf(1)]);
    expect(await ids('type', 'chan')).toEqual([]);
    expect(await ids('a', 'b:c')).toEqual([idOf(2)]);
    expect(await ids('a:b', 'c')).toEqual([idOf(1)]);
    expect(await ids('url', 'http://x.example/?token=t1')).toEqual([idOf(3)]);
    await state.removeStream(idOf(2));
    expect(await ids('type', 'channel')).toEqual([idOf(1)]);
  });

  test('pages go from the newest access to the oldest, each stream once', async () => {
    const { state, advance } = store();
    for (let n = 1; n <= 7; n++) {
      await state.putStream(definition(n));
      // Two of them at the same instant: the id decides, and no page may lose or repeat one.
      if (n !== 4) await advance(5);
    }
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await state.listStreams({ limit: 2, ...(after !== undefined && { after }) });
      expect(page.items.length).toBeLessThanOrEqual(2);
      seen.push(...page.items.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1].map(idOf));
    expect((await state.listStreams()).items).toHaveLength(7);
    expect((await state.listStreams()).next).toBeUndefined();
    await expect(state.listStreams({ after: 'nonsense' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('a page that ends at streams of one instant goes on among them', async () => {
    const { state, advance } = store();
    for (const n of [1, 2, 3, 4, 5]) {
      await state.putStream(definition(n));
      const { epoch } = await state.claim(idOf(n), { id: 'w1', host: 'h1' });
      await advance(2);
      await state.report({ streamId: idOf(n), epoch, lastAccessMs: 1_700_000_000_000 });
    }
    const first = await state.listStreams({ limit: 3 });
    const second = await state.listStreams({ limit: 3, after: first.next as string });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([5, 4, 3, 2, 1].map(idOf));
    expect(second.next).toBeUndefined();
  });

  test.each(['removed', 'accessed'] as const)(
    'the next page goes on where the last stream was that has been %s',
    async (fate) => {
      const { state, advance } = store();
      const epochs: number[] = [];
      for (const n of [1, 2, 3, 4, 5]) {
        await state.putStream(definition(n));
        epochs[n] = (await state.claim(idOf(n), { id: 'w1', host: 'h1' })).epoch;
        await state.report({
          streamId: idOf(n),
          epoch: epochs[n] as number,
          lastAccessMs: 1_700_000_000_000,
        });
      }
      const first = await state.listStreams({ limit: 3 });
      expect(first.items.map(({ id }) => id)).toEqual([5, 4, 3].map(idOf));
      await advance(5);
      if (fate === 'removed') await state.removeStream(idOf(3));
      else
        await state.report({
          streamId: idOf(3),
          epoch: epochs[3] as number,
          lastAccessMs: 1_700_000_000_001,
        });
      const second = await state.listStreams({ limit: 3, after: first.next as string });
      expect(second.items.map(({ id }) => id)).toEqual([2, 1].map(idOf));
    },
  );

  test('a removed stream takes everything with it', async () => {
    const { state } = store();
    await state.putStream(definition(1, { metadata: { a: 'b' } }));
    await state.putStream(definition(2));
    await state.heartbeat(
      beat('w1', { clients: [client('c1', idOf(1), 'w1'), client('c2', idOf(2), 'w1')] }),
    );
    const { epoch } = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    expect(await state.removeStream(idOf(1))).toBe(true);
    expect(await state.removeStream(idOf(1))).toBe(false);
    expect(await state.getStream(idOf(1))).toBeUndefined();
    expect(await state.getDefinition(idOf(1))).toBeUndefined();
    expect((await state.listStreams()).items.map(({ id }) => id)).toEqual([idOf(2)]);
    expect((await state.listClients()).items.map(({ id }) => id)).toEqual(['c2']);
    expect(await state.getClient('c1')).toBeUndefined();
    await state.release(idOf(1), epoch);
    await expect(state.report({ streamId: idOf(1), epoch })).rejects.toMatchObject({
      code: 'STREAM_NOT_FOUND',
    });
    const reply = await state.heartbeat(beat('w1', { streams: [{ streamId: idOf(1), epoch }] }));
    expect(reply).toMatchObject({ missing: [idOf(1)], stale: [] });
  });

  test('a stream made again after its removal does not accept the epochs of its earlier life', async () => {
    const { state } = store();
    await state.putStream(definition(1));
    const old = await state.claim(idOf(1), { id: 'w1', host: 'h1' });
    await state.removeStream(idOf(1));
    expect(await state.putStream(definition(1))).toEqual({ created: true });
    const anew = await state.claim(idOf(1), { id: 'w2', host: 'h2' });
    expect(anew.epoch).toBeGreaterThan(old.epoch);
    await expect(state.report({ streamId: idOf(1), epoch: old.epoch, state: 'live' })).rejects.toMatchObject({
      code: 'STALE_EPOCH',
    });
    const reply = await state.heartbeat(beat('w1', { streams: [{ streamId: idOf(1), epoch: old.epoch }] }));
    expect(reply.stale).toEqual([{ streamId: idOf(1), owner: 'w2', epoch: anew.epoch }]);
  });
}
