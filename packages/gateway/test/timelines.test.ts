import type { NewTimelineEntry } from '@streampool/state';
import { closeAll, GatewayUnderTest, json, NODE_ID } from './gateway-under-test.ts';

afterEach(closeAll);

const BODY = { url: 'http://provider.example/1.ts', shared: true };
const GONE = { type: 'client_disconnected', clientId: 'tv' } as const;

/** What nodes told the state. */
async function tell(it: GatewayUnderTest, timeline: readonly NewTimelineEntry[]): Promise<void> {
  const worker = {
    ...{ id: 'w1', host: 'h', pid: 7, url: 'http://10.0.0.1:1', version: '1', status: 'ready' as const },
    ...{ ownedStreams: 0, viewers: 0, capacity: 0, load: 0, startedAtMs: 1_700_000_000_000 },
  };
  await it.state.heartbeat({ worker, streams: [], clients: [], gone: [], timeline });
}

function entries(streamId: string, now = Date.now()) {
  const node = 'w1';
  const gap = (agoMs: number, fields: Partial<NewTimelineEntry> = {}): NewTimelineEntry => ({
    ...{ type: 'source_gap', streamId, node, atMs: now - agoMs, data: { gapMs: 1_500, index: 0 } },
    ...fields,
  });
  const gone = (agoMs: number, durationMs: number): NewTimelineEntry => ({
    ...{ ...GONE, streamId, node, atMs: now - agoMs },
    data: { reason: 'left', durationMs, userAgent: 'VLC/3' },
  });
  return { gap, gone };
}

test('a stream’s timeline says what happened, whose fault it was, and with what figures; the newest last', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define(BODY);
  expect(await json(it.get(`/streams/${id}/timeline`))).toEqual({
    stream_id: id,
    complete: true,
    entries: [],
  });
  const { gap } = entries(id);
  const lost = { code: 'UPSTREAM_STATUS', index: 1, detail: 'http://bob:hunter2@p.example/ answered 403' };
  await tell(it, [
    gap(1_000, { type: 'source_refused', data: lost }),
    gap(120_000, { lastMs: Date.now() - 100_000, count: 3 }),
  ]);
  const { entries: shown } = await json(it.get(`/streams/${id}/timeline`));
  expect(shown).toMatchObject([
    {
      ...{ type: 'source_gap', cause: 'upstream', count: 3, node: 'w1', client_id: null, stream_id: id },
      detail: 'The primary source sent nothing for 1.5 s and went on by itself (3 times).',
      data: { gap_ms: 1_500, index: 0 },
      until: expect.stringContaining('T'),
    },
    { type: 'source_refused', cause: 'upstream', until: null },
  ]);
  expect(shown[1].detail).toContain('Failover source 1 could not be played:');
  expect(JSON.stringify(shown)).not.toContain('hunter2');

  const newest = await json(it.get(`/streams/${id}/timeline?limit=1`));
  expect(newest.entries.map(({ type }: { type: string }) => type)).toEqual(['source_refused']);
  const since = new Date(Date.now() - 60_000).toISOString();
  const late = await json(it.get(`/streams/${id}/timeline?since=${since}`));
  expect(late.entries).toEqual(newest.entries);
  expect((await it.get(`/streams/${id}/timeline?since=yesterday`)).status).toBe(422);
});

test('a viewer’s timeline is its own and that of its stream while it watched', async () => {
  const it = await GatewayUnderTest.start();
  const [id, other] = [await it.define(BODY), await it.define({ ...BODY, url: 'http://p.example/2.ts' })];
  const { gap, gone } = entries(id);
  const relay = { code: 'RELAY_LOST', detail: 'reset', index: 0 };
  await tell(it, [
    gap(600_000, { data: { gapMs: 1, index: 9 } }),
    gap(200_000, { data: { gapMs: 2, index: 0 } }),
    gap(190_000, { type: 'viewer_blocked', data: { blockedMs: 1_000, clientId: 'somebody else' } }),
    gap(180_000, { type: 'source_lost', node: 'g9', data: relay }),
    gap(170_000, { type: 'source_lost', data: relay }),
    gap(150_000, { streamId: other, data: { gapMs: 3, index: 8 } }),
    gap(140_000, { type: 'viewer_skipped', clientId: 'tv', data: { skips: 1, bytesSkipped: 2_500_000 } }),
    gone(100_000, 200_000),
    gap(50_000, { data: { gapMs: 4, index: 7 } }),
  ]);
  const { entries: shown, complete } = await json(it.get('/clients/tv/timeline'));
  expect(complete).toBe(true);
  expect(shown).toMatchObject([
    { type: 'client_connected', cause: 'viewer', detail: 'The viewer came with VLC/3.' },
    { type: 'source_gap', client_id: null, data: { gap_ms: 2 } },
    { type: 'source_lost', cause: 'cluster' },
    { type: 'viewer_skipped', cause: 'viewer', client_id: 'tv' },
    { type: 'client_disconnected', detail: 'The viewer went after 3 min: its player closed the connection.' },
  ]);
  expect((await json(it.get('/clients/tv/timeline?limit=2'))).entries).toHaveLength(2);
});

test('a viewer that is there has a timeline from its coming on; one that got no picture sees why', async () => {
  const it = await GatewayUnderTest.start();
  const id = await it.define(BODY);
  const { gap } = entries(id);
  it.engine.onWatch = (_spec, { res }) => {
    res.writeHead(200);
    res.write('media');
  };
  const watching = await it.get(`/stream/${id}?client_id=sofa`);
  // Its node was given up for dead, and was not.
  const since = new Date(it.engine.viewers()[0]!.connectedAt).toISOString();
  await tell(it, [gap(2_000, { ...GONE, clientId: 'sofa', data: { reason: 'lost', connectedAt: since } })]);
  await tell(it, [
    gap(1_000, {
      type: 'source_refused',
      data: { code: 'UPSTREAM_STATUS', detail: 'answered 404', index: 0 },
    }),
    gap(900, {
      type: 'viewer_refused',
      clientId: 'bed',
      data: { code: 'STREAM_START_TIMEOUT', detail: 'no picture' },
    }),
  ]);
  const connectedAt = new Date(Date.now() - 5_000).toISOString();
  await tell(it, [gap(100, { ...GONE, clientId: 'hall', data: { reason: 'lost', connectedAt } })]);
  const hall = await json(it.get('/clients/hall/timeline'));
  expect(hall.entries).toMatchObject([
    { type: 'client_connected', at: connectedAt },
    { type: 'source_refused' },
    { type: 'client_disconnected', cause: 'cluster' },
  ]);
  const sofa = await json(it.get('/clients/sofa/timeline'));
  expect(sofa.entries).toMatchObject([
    { type: 'client_connected', node: NODE_ID },
    { type: 'client_disconnected' },
    { type: 'source_refused' },
  ]);
  const bed = await json(it.get('/clients/bed/timeline'));
  expect(bed.entries).toMatchObject([
    { type: 'source_refused' },
    { type: 'viewer_refused', client_id: 'bed' },
  ]);
  await watching.body?.cancel();
});

test('who is unknown is not found; what was there within the hour is', async () => {
  const it = await GatewayUnderTest.start();
  const nobody = await it.get('/clients/nobody/timeline');
  expect([nobody.status, (await json(nobody)).code]).toEqual([404, 'CLIENT_NOT_FOUND']);
  const nothing = await it.get('/streams/nothing/timeline');
  expect([nothing.status, (await json(nothing)).code]).toEqual([404, 'STREAM_NOT_FOUND']);
  const id = await it.define(BODY);
  await tell(it, [entries(id).gap(10)]);
  await it.send('DELETE', `/streams/${id}`);
  expect((await json(it.get(`/streams/${id}/timeline`))).entries).toHaveLength(1);
});

test('what this node has not told yet is in it; with the state away that is all there is', async () => {
  const own = { id: '' };
  const it = await GatewayUnderTest.start(
    {},
    {
      recall: (subject, { all = false } = {}) => {
        if (!('streamId' in subject) || subject.streamId !== own.id) return [];
        const { gap } = entries(own.id);
        const told = { ...gap(5_000), lastMs: Date.now() - 5_000, count: 1 };
        const untold = {
          ...told,
          type: 'source_lost' as const,
          atMs: Date.now(),
          data: { code: 'X', index: 0 },
        };
        return all ? [told, untold] : [untold];
      },
    },
  );
  own.id = await it.define(BODY);
  const path = `/streams/${own.id}/timeline`;
  expect(await json(it.get(path))).toMatchObject({ complete: true, entries: [{ type: 'source_lost' }] });
  await it.state.close();
  expect(await json(it.get(path))).toMatchObject({
    complete: false,
    entries: [{ type: 'source_gap' }, { type: 'source_lost' }],
  });
  expect((await it.get('/streams/other/timeline')).status).toBe(503);
  expect((await it.get('/clients/nobody/timeline')).status).toBe(503);
});
