import type { WorkerRecord } from '@streampool/state';
import { noPlace, place } from '../src/index.ts';

const worker = (id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...{ id, host: 'h', pid: 1, url: `http://${id}`, status: 'ready', version: '1', ownedStreams: 0 },
  ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 0, heartbeatMs: 100_000 },
  ...fields,
});
const LEASE_MS = 15_000;
const chosen = (
  workers: WorkerRecord[],
  streamId = 's',
  { suspects = [], needsEncoder = false }: { suspects?: string[]; needsEncoder?: boolean } = {},
): string | undefined =>
  place(workers, { streamId, needsEncoder, leaseMs: LEASE_MS, isSuspect: ({ id }) => suspects.includes(id) })
    ?.id;

test('the least loaded worker that is ready, alive, trusted and has room', () => {
  const others = [
    worker('draining', { status: 'draining' }),
    worker('silent', { heartbeatMs: 85_000 }),
    worker('full', { capacity: 2, ownedStreams: 2 }),
    worker('gateway', { role: 'gateway' }),
  ];
  expect(chosen(others)).toBeUndefined();
  expect(chosen([...others, worker('a', { ownedStreams: 3 }), worker('b', { ownedStreams: 4 })])).toBe('a');
  expect(chosen([worker('a'), worker('b', { ownedStreams: 9 })], 's', { suspects: ['a'] })).toBe('b');
  expect(chosen([worker('a')], 's', { suspects: ['a'] })).toBe('a');
});

test('of equals the stream decides, whatever the order, and streams spread', () => {
  const workers = ['a', 'b', 'c'].map((id) => worker(id));
  const ids = Array.from({ length: 300 }, (_, i) => `stream-${i}`);
  const counts = new Map<string, number>();
  for (const id of ids) {
    const winner = chosen(workers, id)!;
    expect(chosen([...workers].reverse(), id)).toBe(winner);
    counts.set(winner, (counts.get(winner) ?? 0) + 1);
  }
  for (const { id } of workers) expect(counts.get(id)).toBeGreaterThan(60);
});

test('a worker without an encoder session left still takes what needs none', () => {
  const workers = [
    worker('encodes', { ownedStreams: 1, encoders: 2, maxEncoders: 2 }),
    worker('other', { ownedStreams: 5, encoders: 5 }),
  ];
  expect(chosen(workers, 's', { needsEncoder: false })).toBe('encodes');
  expect(chosen(workers, 's', { needsEncoder: true })).toBe('other');
  expect(chosen(workers.slice(0, 1), 's', { needsEncoder: true })).toBeUndefined();
});

test('a take-over goes to a worker with room, or to a full one if there is none', () => {
  const query = {
    streamId: 's',
    needsEncoder: false,
    isTakeover: true,
    leaseMs: LEASE_MS,
    isSuspect: () => false,
  };
  const full = worker('full', { capacity: 1, ownedStreams: 1 });
  expect(place([full, worker('free', { ownedStreams: 7 })], query)?.id).toBe('free');
  expect(place([full], query)?.id).toBe('full');
  expect(place([full], { ...query, isTakeover: false })).toBeUndefined();
});

test('a worker that is much busier than others is passed over; where all are, or nearly alike, streams count', () => {
  const pair = (a: number, b: number) => [
    worker('a', { ownedStreams: 1, load: a }),
    worker('b', { ownedStreams: 2, load: b }),
  ];
  expect(chosen(pair(1.2, 0.3))).toBe('b');
  // Below its cores nobody waits, whatever the others do.
  expect(chosen(pair(0.9, 0.1))).toBe('a');
  // Workers of one host, that looked at different moments.
  expect(chosen(pair(1.1, 0.9))).toBe('a');
  expect(chosen(pair(4.2, 3.9))).toBe('a');
  expect(chosen(pair(9, 3))).toBe('b');
  // Room comes first.
  expect(chosen([worker('a', { load: 9 }), worker('b', { capacity: 1, ownedStreams: 1 })])).toBe('a');
});

test('why there is no place says whether there are workers at all', () => {
  const full = worker('a', { capacity: 1, ownedStreams: 1 });
  const refusal = { code: 'CAPACITY_EXHAUSTED', status: 503 };
  expect(noPlace([full], LEASE_MS)).toMatchObject({
    ...refusal,
    retryAfterSeconds: 5,
    message: expect.stringMatching(/MAX_STREAMS/),
  });
  expect(noPlace([worker('d', { status: 'draining' })], LEASE_MS)).toMatchObject({
    ...refusal,
    retryAfterSeconds: 2,
    message: expect.stringMatching(/ready/),
  });
});
