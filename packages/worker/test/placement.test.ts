import type { WorkerRecord } from '@streampool/state';
import { place } from '../src/index.ts';

const worker = (id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...{ id, host: 'h', pid: 1, url: `http://${id}`, status: 'ready', version: '1', ownedStreams: 0 },
  ...{ viewers: 0, capacity: 0, load: 0, startedAtMs: 0, heartbeatMs: 100_000 },
  ...fields,
});
const chosen = (workers: WorkerRecord[], streamId = 's', suspects: string[] = []): string | undefined =>
  place(workers, { streamId, leaseMs: 15_000, isSuspect: ({ id }) => suspects.includes(id) })?.id;

test('the least loaded worker that is ready, alive, trusted and has room', () => {
  const others = [
    worker('draining', { status: 'draining' }),
    worker('silent', { heartbeatMs: 85_000 }),
    worker('full', { capacity: 2, ownedStreams: 2 }),
    worker('gateway', { role: 'gateway' }),
  ];
  expect(chosen(others)).toBeUndefined();
  expect(chosen([...others, worker('a', { ownedStreams: 3 }), worker('b', { ownedStreams: 4 })])).toBe('a');
  expect(chosen([worker('a'), worker('b', { ownedStreams: 9 })], 's', ['a'])).toBe('b');
  expect(chosen([worker('a')], 's', ['a'])).toBe('a');
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
