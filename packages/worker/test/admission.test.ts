import type { StreamRecord, WorkerRecord } from '@streampool/state';
import { Admission } from '../src/index.ts';

const worker = (id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord => ({
  ...{ id, host: 'h', pid: 1, url: `http://${id}`, status: 'ready', version: '1', ownedStreams: 1 },
  ...{ viewers: 0, capacity: 1, load: 0, startedAtMs: 0, heartbeatMs: 100_000 },
  ...fields,
});

class Stand {
  workers = [worker('a'), worker('b')];
  owner = '';
  isStateAway = false;
  lists = 0;
  nowMs = 0;
  readonly playing = new Set<string>();
  readonly admission = new Admission({
    leaseMs: 15_000,
    now: () => this.nowMs,
    plays: (streamId) => this.playing.has(streamId),
    state: {
      listWorkers: async () => {
        this.lists += 1;
        if (this.isStateAway) throw new Error('away');
        return this.workers;
      },
      getStream: async () => ({ owner: this.owner }) as StreamRecord,
    },
  });

  check(kind: 'direct' | 'shared' | 'transcode' = 'shared'): Promise<void> {
    this.nowMs += 1_000;
    return this.admission.check({ id: 's', kind });
  }
}

const REFUSED = { code: 'CAPACITY_EXHAUSTED', status: 503, retryAfterSeconds: 5 };

test('with every worker at its limit a stream that would have to start is refused', async () => {
  const stand = new Stand();
  await expect(stand.check()).rejects.toMatchObject(REFUSED);
  stand.workers = [worker('a'), worker('b', { capacity: 2 })];
  await stand.check();
});

test('what plays somewhere is let in: here, or at an owner that lives', async () => {
  const stand = new Stand();
  stand.playing.add('s');
  await stand.check();
  expect(stand.lists).toBe(0);
  stand.playing.clear();
  stand.owner = 'b';
  await stand.check();
  stand.workers = [worker('a'), worker('b', { heartbeatMs: 0 })];
  await expect(stand.check()).rejects.toMatchObject(REFUSED);
});

test('encoder sessions are asked about for what needs one', async () => {
  const stand = new Stand();
  stand.workers = [worker('a', { capacity: 0, maxEncoders: 3, encoders: 3 })];
  await stand.check('shared');
  await expect(stand.check('transcode')).rejects.toMatchObject(REFUSED);
});

test('what is not certain is let in: no worker is ready, the state is away, or everybody brings a connection', async () => {
  const stand = new Stand();
  await stand.check('direct');
  stand.workers = [worker('d', { status: 'draining' })];
  await stand.check();
  stand.workers = [];
  await stand.check();
  stand.isStateAway = true;
  await stand.check();
});

test('a crowd asks the state once', async () => {
  const stand = new Stand();
  const answers = await Promise.allSettled(
    Array.from({ length: 100 }, () => stand.admission.check({ id: 's', kind: 'shared' })),
  );
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
  expect(stand.lists).toBe(1);
});
