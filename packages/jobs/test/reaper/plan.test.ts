import type { SweepSnapshot, WorkerRecord } from '@streampool/state';
import fc from 'fast-check';
import { CLIENTS_PER_ACTION, plan } from '../../src/reaper/plan.ts';

const nothing: SweepSnapshot = {
  nowMs: 1_000,
  deadWorkers: [],
  orphans: [],
  expiredClients: [],
  truncated: false,
};

function dead(id: string): WorkerRecord {
  return {
    id,
    host: `host-of-${id}`,
    pid: 1,
    url: '',
    status: 'ready',
    version: '0',
    ownedStreams: 0,
    viewers: 0,
    capacity: 0,
    load: 0,
    startedAtMs: 0,
    heartbeatMs: 0,
  };
}

const orphan = (streamId: string, owner: string, viewers: number) => ({
  streamId,
  owner,
  epoch: 3,
  viewers,
  host: `host-of-${owner}`,
});

test('nothing expired, nothing to do', () => {
  expect(plan(nothing)).toEqual([]);
});

test('watched streams first, then unwatched ones, viewers, and workers last', () => {
  const snapshot: SweepSnapshot = {
    ...nothing,
    deadWorkers: [dead('w1'), dead('w2')],
    orphans: [orphan('a', 'w1', 0), orphan('b', 'w2', 5), orphan('c', 'w3', 0)],
    expiredClients: [{ streamId: 'a', clientId: 'c1', node: 'w1' }],
  };
  expect(plan(snapshot)).toEqual([
    { type: 'reown_stream', streamId: 'b', owner: 'w2', epoch: 3 },
    { type: 'release_stream', streamId: 'a', owner: 'w1', epoch: 3 },
    { type: 'release_stream', streamId: 'c', owner: 'w3', epoch: 3 },
    { type: 'remove_clients', clients: [{ streamId: 'a', clientId: 'c1' }] },
    { type: 'remove_worker', workerId: 'w1', host: 'host-of-w1' },
    { type: 'remove_worker', workerId: 'w2', host: 'host-of-w2' },
  ]);
});

test('a process that looks dead to itself leaves itself alone', () => {
  const snapshot: SweepSnapshot = {
    ...nothing,
    deadWorkers: [dead('me'), dead('other')],
    orphans: [orphan('mine', 'me', 2), orphan('theirs', 'other', 2)],
    expiredClients: [
      { streamId: 's', clientId: 'mine', node: 'me' },
      { streamId: 's', clientId: 'theirs', node: 'other' },
    ],
  };
  expect(plan(snapshot, { self: 'me' })).toEqual([
    { type: 'reown_stream', streamId: 'theirs', owner: 'other', epoch: 3 },
    { type: 'remove_clients', clients: [{ streamId: 's', clientId: 'theirs' }] },
    { type: 'remove_worker', workerId: 'other', host: 'host-of-other' },
  ]);
});

test('while it is alive, what it has lost sight of is reaped like anybody’s', () => {
  const snapshot: SweepSnapshot = {
    ...nothing,
    orphans: [orphan('mine', 'me', 0)],
    expiredClients: [{ streamId: 's', clientId: 'c', node: 'me' }],
  };
  expect(plan(snapshot, { self: 'me' }).map(({ type }) => type)).toEqual([
    'release_stream',
    'remove_clients',
  ]);
});

test('every expired viewer is removed once, in steps of a bounded size', () => {
  fc.assert(
    fc.property(fc.nat({ max: 3 * CLIENTS_PER_ACTION }), (count) => {
      const expiredClients = Array.from({ length: count }, (_, n) => ({
        streamId: 's',
        clientId: `c${n}`,
        node: 'gw',
      }));
      const steps = plan({ ...nothing, expiredClients }).map((action) =>
        action.type === 'remove_clients' ? action.clients : [],
      );
      for (const step of steps) expect(step.length).toBeLessThanOrEqual(CLIENTS_PER_ACTION);
      expect(steps.flat().map(({ clientId }) => clientId)).toEqual(
        expiredClients.map(({ clientId }) => clientId),
      );
    }),
    { numRuns: 30 },
  );
});
