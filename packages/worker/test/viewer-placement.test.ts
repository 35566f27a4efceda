import type { StreamRecord, WorkerRecord } from '@streampool/state';
import { ViewerPlacement } from '../src/index.ts';

const LEASE_MS = 15_000;

function worker(id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    ...{
      id,
      host: 'h',
      pid: 1,
      url: `http://${id}:1`,
      version: '1',
      ownedStreams: 0,
      viewers: 0,
      capacity: 0,
    },
    ...{ load: 0, startedAtMs: 0, heartbeatMs: 100_000, status: 'ready' },
    ...fields,
  };
}

class Stand {
  workers = [worker('w1'), worker('w2'), worker('w3')];
  owner = '';
  readonly silent = new Set<string>();
  readonly asked: string[] = [];
  lists = 0;
  nowMs = 0;
  readonly placement = new ViewerPlacement({
    leaseMs: LEASE_MS,
    now: () => this.nowMs,
    answers: async ({ id }) => {
      this.asked.push(id);
      return !this.silent.has(id);
    },
    state: {
      listWorkers: async () => {
        this.lists += 1;
        return this.workers;
      },
      getStream: async (id) =>
        id === 'gone' ? undefined : ({ owner: this.owner, kind: 'transcode' } as StreamRecord),
    },
  });

  target(streamId = 's'): Promise<string> {
    return this.placement.target(streamId);
  }
}

test('viewers go to the owner, by the address for players where it has one', async () => {
  const stand = new Stand();
  stand.owner = 'w2';
  expect(await stand.target()).toBe('http://w2:1');
  stand.workers[1] = worker('w2', { publicUrl: 'https://w2.tv.example' });
  stand.nowMs += 1_000;
  expect(await stand.target()).toBe('https://w2.tv.example');
});

test('without an owner everybody chooses the same worker, and different ones for different streams', async () => {
  const [a, b] = [new Stand(), new Stand()];
  const streams = Array.from({ length: 20 }, (_, i) => `stream-${i}`);
  const chosen = await Promise.all(streams.map((id) => a.target(id)));
  expect(await Promise.all(streams.map((id) => b.target(id)))).toEqual(chosen);
  expect(new Set(chosen).size).toBe(3);
});

test('a draining owner gets no new viewers, nor does one that is dead by its heartbeat', async () => {
  const stand = new Stand();
  stand.owner = 'w2';
  stand.workers[1] = worker('w2', { status: 'draining' });
  expect(await stand.target()).not.toBe('http://w2:1');
  stand.workers[1] = worker('w2', { heartbeatMs: 100_000 - LEASE_MS });
  stand.nowMs += 1_000;
  expect(await stand.target()).not.toBe('http://w2:1');
});

test('an owner that does not answer is passed over until it beats again', async () => {
  const stand = new Stand();
  stand.owner = 'w2';
  stand.silent.add('w2');
  const other = await stand.target();
  expect(other).not.toBe('http://w2:1');
  expect(await stand.target()).toBe(other);
  expect(stand.asked.filter((id) => id === 'w2')).toHaveLength(1);
  stand.silent.clear();
  stand.workers[1] = worker('w2', { heartbeatMs: 100_001 });
  stand.nowMs += 1_000;
  expect(await stand.target()).toBe('http://w2:1');
});

test('a crowd asks the store and the worker once', async () => {
  const stand = new Stand();
  stand.owner = 'w1';
  await Promise.all(Array.from({ length: 100 }, () => stand.target()));
  expect([stand.lists, stand.asked]).toEqual([1, ['w1']]);
});

test('nobody to send viewers to is said with when to come back', async () => {
  const refusal = { code: 'CAPACITY_EXHAUSTED', status: 503, retryAfterSeconds: 2 };
  const stand = new Stand();
  for (const { id } of stand.workers) stand.silent.add(id);
  await expect(stand.target()).rejects.toMatchObject(refusal);
  stand.workers = [worker('g', { role: 'gateway' }), worker('d', { status: 'draining' })];
  stand.nowMs += 1_000;
  await expect(stand.target()).rejects.toMatchObject(refusal);
  await expect(stand.target('gone')).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
});

test('a store that failed is asked again at once', async () => {
  const stand = new Stand();
  stand.owner = 'w1';
  let isAway = true;
  const placement = new ViewerPlacement({
    leaseMs: LEASE_MS,
    now: () => 0,
    answers: async () => true,
    state: {
      getStream: async () => ({ owner: 'w1' }) as StreamRecord,
      listWorkers: async () => {
        if (isAway) throw new Error('away');
        return stand.workers;
      },
    },
  });
  await expect(placement.target('s')).rejects.toThrow('away');
  isAway = false;
  expect(await placement.target('s')).toBe('http://w1:1');
});

test('workers at their limits get no streams, and keep those they own', async () => {
  const stand = new Stand();
  stand.workers = [
    worker('w1', { capacity: 2, ownedStreams: 2 }),
    worker('w2', { maxEncoders: 1, encoders: 1 }),
    worker('w3', { ownedStreams: 9 }),
  ];
  expect(await stand.target()).toBe('http://w3:1');
  stand.owner = 'w1';
  expect(await stand.target()).toBe('http://w1:1');
  stand.owner = '';
  stand.workers = stand.workers.slice(0, 2);
  stand.nowMs += 1_000;
  await expect(stand.target()).rejects.toMatchObject({
    code: 'CAPACITY_EXHAUSTED',
    message: expect.stringContaining('MAX_ENCODERS'),
  });
});
