import type { SlotRecord, SlotViewer } from '@streampool/state';
import { ProviderHosts } from '../src/index.ts';
import { isSamePlayer } from '../src/slots/same-player.ts';
import { chooseSlot, type NodeSight, type Sight, type Wish } from '../src/slots/slot-choice.ts';

const alice: SlotViewer = { clientId: 'tv', ip: '192.0.2.1', userAgent: 'VLC' };
const bob: SlotViewer = { clientId: 'box', ip: '192.0.2.2', userAgent: 'VLC' };

function slot(lease: string, fields: Partial<SlotRecord> = {}): SlotRecord {
  return { lease, node: 'w1', life: 'a', streamId: `stream of ${lease}`, priority: 0, sinceMs: 1, ...fields };
}

function node(fields: Partial<NodeSight> = {}): NodeSight {
  return { node: 'w1', leases: ['a', 'b'], audiences: {}, ...fields };
}

function wish(fields: Partial<Wish['holder']> = {}, preempt = false): Wish {
  return {
    lease: 'new',
    preempt,
    holder: { node: 'w2', life: 'a', streamId: 'wanted', priority: 0, ...fields },
  };
}

function sight(fields: Partial<Sight> = {}): Sight {
  return {
    slots: [slot('a'), slot('b', { sinceMs: 2 })],
    nodes: [node(), node({ node: 'w2', leases: ['new'], audiences: { wanted: [watching(alice, true)] } })],
    gone: new Set(),
    isPartial: false,
    ...fields,
  };
}

function watching(viewer: SlotViewer, waiting = false) {
  return { ...viewer, waiting };
}

/** What is chosen when these watch the two streams. */
function chosen(audiences: NodeSight['audiences'], asked = wish(), more: Partial<Sight> = {}) {
  const nodes = [
    node({ audiences }),
    node({ node: 'w2', leases: ['new'], audiences: { wanted: [watching(alice, true)] } }),
  ];
  const choice = chooseSlot(asked, sight({ nodes, ...more }));
  return choice && `${choice.way} ${choice.slot.lease}`;
}

const A = 'stream of a';
const B = 'stream of b';

test('a stream without viewers goes first, the oldest of several; one that somebody waits for is watched', () => {
  expect(chosen({})).toBe('idle a');
  expect(chosen({ [A]: [watching(bob)] })).toBe('idle b');
  expect(chosen({ [A]: [watching(bob)], [B]: [watching(bob, true)] })).toBeUndefined();
});

test('a viewer gives its own slot, where it is the last one to watch', () => {
  expect(chosen({ [A]: [watching(bob)], [B]: [watching(alice)] })).toBe('zap b');
  expect(chosen({ [A]: [watching(bob)], [B]: [watching(alice), watching(bob)] })).toBeUndefined();
  const direct = [slot('a', { viewer: alice }), slot('b', { viewer: bob })];
  expect(chosen({}, wish({ viewer: bob }), { slots: direct })).toBe('zap b');
  expect(chosen({}, wish(), { slots: direct })).toBe('zap a');
});

test('what is lost costs nobody anything: its node is gone, or does not know of it', () => {
  const watched = { [A]: [watching(bob)], [B]: [watching(bob)] };
  expect(chosen(watched, wish(), { gone: new Set(['w1']) })).toBe('lost a');
  expect(chosen(watched, wish(), { slots: [slot('a'), slot('other life')] })).toBe('lost other life');
});

test('where not everybody has answered, nobody who may be watched is ended', () => {
  expect(chosen({}, wish(), { isPartial: true })).toBeUndefined();
  expect(chosen({}, wish(), { slots: [slot('a', { node: 'silent' })] })).toBeUndefined();
});

test('a stream that nobody waits for any more ends nobody', () => {
  const nodes = [node(), node({ node: 'w2', leases: ['new'] })];
  expect(chooseSlot(wish(), sight({ nodes }))).toBeUndefined();
  expect(chooseSlot(wish({ streamId: '' }), sight({ nodes }))).toMatchObject({ way: 'idle' });
});

test('the stream itself keeps the connection it has elsewhere, and what is promised is not promised again', () => {
  expect(chosen({}, wish(), { slots: [slot('a', { streamId: 'wanted' })] })).toBeUndefined();
  expect(chosen({}, wish(), { slots: [slot('a', { promisedTo: 'somebody' })] })).toBeUndefined();
  expect(chosen({}, wish(), { slots: [slot('a', { promisedTo: 'new' })] })).toBe('idle a');
});

test('preemption, where it is allowed, ends the lowest priority, of equals the one that came last', () => {
  const watched = { [A]: [watching(bob)], [B]: [watching(bob)] };
  expect(chosen(watched, wish({ priority: 5 }))).toBeUndefined();
  expect(chosen(watched, wish({ priority: 0 }, true))).toBeUndefined();
  expect(chosen(watched, wish({ priority: 5 }, true))).toBe('preempt b');
  const slots = [slot('a', { priority: 1 }), slot('b', { priority: 3 })];
  expect(chosen(watched, wish({ priority: 2 }, true), { slots })).toBe('preempt a');
});

test.each([
  ['the same id', { clientId: 'tv', username: 'eve' }, true],
  ['other ids, both chosen', { clientId: 'other' }, false],
  ['a made-up id, same address and player', { clientId: '0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a' }, true],
  ['another player', { clientId: '0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a', userAgent: 'Kodi' }, false],
  ['one of them names a user', { clientId: '0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a', username: 'al' }, false],
])('the same player: %s', (_, other, same) => {
  expect(isSamePlayer(alice, { ...alice, ...other })).toBe(same);
  expect(isSamePlayer({ ...alice, ...other }, alice)).toBe(same);
});

test('the same user at another address is the same player, where ids say nothing', () => {
  const a = { ...alice, clientId: '0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a', username: 'al' };
  expect(isSamePlayer(a, { ...bob, clientId: '0b0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a', username: 'al' })).toBe(
    true,
  );
});

test('a URL belongs to the provider that the stream names, else to the closest host', () => {
  const provider = (id: string, ...hosts: string[]) => ({
    ...{ id, hosts, maxConnections: 1, preempt: false, origin: 'api' as const },
  });
  const hosts = new ProviderHosts([
    provider('exact', 'TV.example.org'),
    provider('port', 'tv.example.org:8080', 'tv.example.org:443'),
    provider('wide', '*.example.org'),
    provider('wider', '*.org', '[::1]:81'),
    provider('twin', 'tv.example.org'),
    provider('nowhere'),
  ]);
  const found = (url: string, id?: string) => hosts.find(url, id)?.id;
  expect(found('http://user:pass@tv.EXAMPLE.org/live')).toBe('exact');
  expect(found('http://tv.example.org:8080/live')).toBe('port');
  expect(found('https://tv.example.org/live')).toBe('port');
  expect(found('http://cdn.example.org/x')).toBe('wide');
  expect(found('http://a.b.example.org/x')).toBe('wide');
  expect(found('http://example.org/x')).toBe('wider');
  expect(found('http://[::1]:81/x')).toBe('wider');
  expect(found('http://elsewhere.example/x')).toBeUndefined();
  expect(found('http://elsewhere.example/x', 'nowhere')).toBe('nowhere');
  expect(found('http://tv.example.org/x', 'unknown')).toBe('exact');
  // Two accounts at one host, and a failover to somebody else.
  expect(found('http://tv.example.org/x', 'twin')).toBe('twin');
  expect(found('http://cdn.example.org/x', 'twin')).toBe('wide');
  expect(found('http://elsewhere.example/x', 'twin')).toBe('twin');
  expect(found('not a URL')).toBeUndefined();
});
