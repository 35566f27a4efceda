import { waitFor } from '@streampool/testkit';
import { HlsNode, type HlsNodeOptions, OwnerTable, POOL, STREAM, STREAM_ID } from './hls-nodes.ts';

const nodes: HlsNode[] = [];

async function stage(names: readonly string[] = ['gateway', 'a', 'b'], options: HlsNodeOptions = {}) {
  const table = new OwnerTable();
  const started = await Promise.all(
    names.map((name) => HlsNode.start(name, table, { mayOwn: name.length === 1, ...options })),
  );
  nodes.push(...started);
  const [gateway, a, b] = started as [HlsNode, HlsNode, HlsNode];
  return { table, gateway, a, b };
}

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

const discontinuity = /#EXT-X-DISCONTINUITY\n/;

test('a node that does not own the stream asks its owner once for all who ask', async () => {
  const { gateway, a } = await stage();
  const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.playlist()));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers[0]?.uris).toHaveLength(4);
  expect(a.origin.asked).toHaveLength(1);
  expect(answers.map(({ cache }) => cache).sort()).toEqual(['miss', ...Array(19).fill('shared')]);
  const segments = await Promise.all(Array.from({ length: 20 }, () => gateway.segment('segment/a0-12.ts')));
  expect(new Set(segments)).toEqual(new Set(['a0 12']));
  expect(await gateway.segment('segment/a0-12.ts')).toBe('a0 12');
  expect(a.origin.asked.filter(({ path }) => path.startsWith('segment/'))).toHaveLength(1);
});

test('the owner’s refusals are the answer, and its playlist is looked at again when it is old', async () => {
  const { gateway, a } = await stage();
  await expect(gateway.segment('segment/a0-99.ts')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await gateway.playlist();
  a.origin.last += 1;
  await waitFor(async () => (await gateway.playlist()).uris.length === 5, { what: 'the new segment' });
});

test('the next owner goes on with the numbers, and the list with what is still here', async () => {
  const { table, gateway, a, b } = await stage();
  const before = await gateway.playlist();
  for (const uri of before.uris) await gateway.segment(uri);
  a.kill();
  await waitFor(async () => (await gateway.playlist()).text.includes('segment/b0-14.ts'), {
    what: 'the list of the next owner',
  });
  expect(table).toMatchObject({ owner: 'b', epoch: 2 });
  expect(b.origin.resumedAt).toEqual({ mediaSequence: 13, discontinuitySequence: 0 });
  const after = await gateway.playlist();
  expect(after.uris).toEqual([
    'segment/a0-11.ts',
    'segment/a0-12.ts',
    'segment/a0-13.ts',
    'segment/b0-14.ts',
  ]);
  expect(after.text).toMatch(discontinuity);
  expect(await gateway.segment('segment/a0-11.ts')).toBe('a0 11');
  expect(await gateway.segment('segment/b0-14.ts')).toBe('b0 14');
  b.origin.last += 3;
  await waitFor(async () => (await gateway.playlist()).uris[0] === 'segment/b0-14.ts', {
    what: 'a list of the new owner’s own',
  });
  expect((await gateway.playlist()).text).toMatch(discontinuity);
});

test('who asks two nodes in turn sees one list, and can have all of it at both, though one had less of it', async () => {
  const { table, gateway, a, b } = await stage(undefined, { stream: POOL });
  const other = await HlsNode.start('other', table, { mayOwn: false, stream: POOL });
  nodes.push(other);
  for (const uri of (await other.playlist()).uris.slice(0, 2)) await other.segment(uri);
  a.origin.last = 14;
  await waitFor(async () => (await gateway.playlist()).uris.length === 5, { what: 'the new segment' });
  for (const uri of (await gateway.playlist()).uris) await gateway.segment(uri);
  // The node that knows most asks first, once its list is too old to be given out.
  await waitFor(() => gateway.isListOld, { what: 'the list to be too old' });
  a.kill();
  const seen: { first: number; newest: number }[] = [];
  for (let turn = 0; ; turn++) {
    const node = turn % 2 === 0 ? gateway : other;
    const { text, uris } = await node.playlist();
    const first = Number(/MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1]);
    seen.push({ first, newest: first + uris.length - 1 });
    if (uris.includes('segment/b0-18.ts')) break;
    if (!uris.some((uri) => uri.startsWith('segment/b0'))) continue;
    for (const uri of uris) expect(await node.segment(uri)).toBe(uri.replace(/.*\/(\w+)-(\d+).*/, '$1 $2'));
    expect(uris.length).toBeGreaterThanOrEqual(4);
    // Each node is asked twice while the list stays as it is, longer than it is good for.
    if (turn % 4 === 3) b.origin.last += 1;
    await waitFor(() => gateway.isListOld && other.isListOld, { what: 'both lists to be too old' });
  }
  const ofNewOwner = seen.filter(({ newest }) => newest >= 15);
  expect(ofNewOwner.length).toBeGreaterThan(10);
  for (const key of ['first', 'newest'] as const) {
    const numbers = ofNewOwner.map((list) => list[key]);
    expect(numbers).toEqual(numbers.toSorted((x, y) => x - y));
  }
});

test('an owner that was made while the state is away goes on just so', async () => {
  const { table, gateway, a } = await stage();
  for (const uri of (await gateway.playlist()).uris) await gateway.segment(uri);
  table.isRemembered = true;
  a.kill();
  await waitFor(async () => (await gateway.playlist()).text.includes('/b0-14.ts'), {
    what: 'the next owner',
  });
  expect((await gateway.playlist()).uris).toEqual([
    ...['segment/a0-11.ts', 'segment/a0-12.ts', 'segment/a0-13.ts', 'segment/b0-14.ts'],
  ]);
});

test('a player that gets delta updates alone is gone on with where those were', async () => {
  const { gateway, a, b } = await stage();
  await gateway.playlist();
  a.origin.last = 20;
  const query = new URLSearchParams('_HLS_skip=YES');
  const { answer } = await gateway.edge.answer(
    STREAM,
    { path: 'playlist.m3u8', query },
    new AbortController().signal,
  );
  expect(answer.progress).toEqual({ mediaSequence: 20, discontinuitySequence: 0 });
  a.kill();
  await waitFor(async () => (await gateway.playlist()).text.includes('/b0-21.ts'), {
    what: 'the next owner',
  });
  expect(b.origin.resumedAt?.mediaSequence).toBe(20);
});

test('a segment that its owner was sending when it died is gone on with where the next one has the same', async () => {
  const { table, gateway, a } = await stage();
  await gateway.playlist();
  a.origin.secondHalf = new Promise(() => {});
  const { answer } = await gateway.ask('segment/provider.ts');
  if (Buffer.isBuffer(answer.body)) throw new Error('it should still be coming');
  const chunks = answer.body.open()[Symbol.asyncIterator]();
  expect(String((await chunks.next()).value)).toBe('0123456789');
  a.kill();
  expect(String((await chunks.next()).value)).toBe('abcdefghij');
  expect((await chunks.next()).done).toBe(true);
  expect(table.owner).toBe('b');
});

test('while nobody owns the stream the last list is given out again, soon enough', async () => {
  const { table, gateway, a, b } = await stage();
  const before = await gateway.playlist();
  await gateway.segment(before.uris[0]!);
  table.isAway = true;
  a.kill();
  const startedMs = performance.now();
  await waitFor(async () => (await gateway.playlist()).cache === 'stale', { what: 'the last list again' });
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect((await gateway.playlist()).text).toBe(before.text);
  expect(await gateway.segment(before.uris[0]!)).toBe('a0 10');
  table.isAway = false;
  await waitFor(async () => (await gateway.playlist()).text.includes('/b0-14.ts'), {
    what: 'the next owner',
  });
  expect(b.origins).toHaveLength(1);
});

test('a stream is handed over before its owner leaves, and viewers follow', async () => {
  const { table, gateway, a, b } = await stage();
  const before = await gateway.playlist();
  for (const uri of before.uris) await gateway.segment(uri);
  await a.edge.handOver(STREAM_ID, { here: false, url: b.url, owner: 'b', epoch: 1, deposes: 1 });
  expect(table).toMatchObject({ owner: 'b', epoch: 2 });
  expect(b.origin.resumedAt).toEqual({ mediaSequence: 13, discontinuitySequence: 0 });
  await waitFor(async () => (await gateway.playlist()).text.includes('/b0-14.ts'), { what: 'the new owner' });
  expect(a.edge.pools()).toEqual([]);
  // A player that asks the former owner gets it from the new one.
  expect((await a.playlist()).uris).toContain('segment/b0-14.ts');
});

test('a node that is asked but does not own the stream says so, and nobody without the secret is answered', async () => {
  const { table, a, b } = await stage();
  await a.playlist();
  expect(table.owner).toBe('a');
  const get = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${b.url}/internal/hls/${STREAM_ID}/playlist.m3u8`, { headers });
  const elsewhere = await get({ authorization: 'Bearer a-secret-of-these-nodes' });
  expect([elsewhere.status, await elsewhere.json()]).toMatchObject([409, { code: 'OWNER_CHANGED' }]);
  expect((await get({})).status).toBe(401);
  expect((await get({ authorization: 'Bearer wrong' })).status).toBe(403);
});

test('an owner that waits for its source is not taken for dead', async () => {
  const { table, gateway, a } = await stage();
  await gateway.playlist();
  const gate = Promise.withResolvers<void>();
  a.origin.gate = gate.promise;
  const started = performance.now();
  const segment = gateway.segment('segment/a0-12.ts');
  await waitFor(async () => performance.now() - started > 2_600, { what: 'the silence limit to pass' });
  gate.resolve();
  expect(await segment).toBe('a0 12');
  expect(table.epoch).toBe(1);
});

test('the owner counts the nodes that have the stream from it', async () => {
  const { gateway, a } = await stage();
  await gateway.playlist();
  expect(a.edge.pools()).toMatchObject([
    { streamId: STREAM_ID, viewers: 0, relays: 1, relayed: true, isCarriedOnly: true },
  ]);
  expect(gateway.edge.pools()).toEqual([]);
  gateway.edge.audience.touch(
    { streamId: STREAM_ID, clientId: 'x', ip: '', userAgent: '' },
    { isPlaylist: true },
  );
  expect(gateway.edge.pools()).toMatchObject([{ viewers: 1, relayed: true, ownerEpoch: 1 }]);
});
