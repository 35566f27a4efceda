import { StreampoolError } from '@streampool/errors';
import type { Claim, StreamRecord, WorkerRecord } from '@streampool/state';
import { ContestedStreams } from '../src/contested-streams.ts';
import { WorkerOwnership } from '../src/worker-ownership.ts';

/** A store in which worker b owns the stream under `epoch`, as worker a sees it. */
function setUp() {
  let now = 0;
  let epoch = 2;
  let owner = 'b';
  const contested = new ContestedStreams({ now: () => now });
  const acquire = async (_streamId: string, options: { deposes?: number } = {}): Promise<Claim> => {
    if (options.deposes === epoch) {
      owner = 'a';
      epoch += 1;
    }
    return { granted: owner === 'a', owner, epoch };
  };
  const ownership = new WorkerOwnership({
    leaseMs: 15_000,
    worker: {
      ...{ id: 'a', status: 'ready', acquire, epochOf: () => undefined },
      ...{ takeRoom: () => () => {}, limits: { maxStreams: 0, maxEncoders: 0 } },
      isContested: (streamId) => contested.has(streamId),
      noteContested: (streamId) => contested.note(streamId),
    },
    state: {
      getStream: async () => ({}) as StreamRecord,
      listWorkers: async () => [{ id: 'b', url: 'http://b' } as WorkerRecord],
    },
  });
  return {
    ...{ ownership, contested },
    later: (ms: number) => {
      now += ms;
    },
    free: () => {
      owner = 'a';
      epoch += 1;
    },
  };
}

const AT_B = { here: false, url: 'http://b', owner: 'b', epoch: 2 };
const deposes = { owner: 'b', epoch: 2 };

test('an owner that was seen to die is deposed', async () => {
  const { ownership } = setUp();
  expect(await ownership.acquire('s', {})).toEqual(AT_B);
  expect(await ownership.acquire('s', { deposes })).toEqual({ here: true, epoch: 3 });
});

test('who was deposed while alive does not depose back: the stream is played without an owner until the new one can be followed', async () => {
  const { ownership, contested, later, free } = setUp();
  contested.note('s');
  expect(await ownership.acquire('s', { deposes })).toEqual({ here: true, epoch: 0 });
  // Each fruitless attempt keeps it so, however long it lasts.
  for (let attempt = 0; attempt < 5; attempt++) {
    later(20_000);
    expect(await ownership.acquire('s', {})).toEqual(AT_B);
    expect(await ownership.acquire('s', { deposes })).toEqual({ here: true, epoch: 0 });
  }
  // What the store has set free is taken as ever.
  free();
  expect(await ownership.acquire('s', {})).toEqual({ here: true, epoch: 3 });
});

test('it is contested for 30 s, and only that stream', async () => {
  const { ownership, contested, later } = setUp();
  contested.note('other');
  contested.note('s');
  later(30_000);
  expect(await ownership.acquire('s', { deposes })).toEqual({ here: true, epoch: 3 });
});

describe('a worker at its limit', () => {
  const full = (
    claimed: string[],
    { record = {}, others = [] as WorkerRecord[], away = false, contested = false } = {},
  ) =>
    new WorkerOwnership({
      leaseMs: 15_000,
      worker: {
        ...{ id: 'a', status: 'ready' as const, epochOf: () => undefined },
        ...{ takeRoom: () => undefined, limits: { maxStreams: 1, maxEncoders: 0 } },
        isContested: () => contested,
        noteContested: () => {},
        acquire: async (streamId) => {
          claimed.push(streamId);
          return { granted: true, owner: 'a', epoch: 9 };
        },
      },
      state: {
        getStream: async () => {
          if (away) throw new StreampoolError('STATE_UNAVAILABLE', 'away');
          return { kind: 'shared', epoch: 4, owner: '', ...record } as StreamRecord;
        },
        listWorkers: async () => [{ ...ready, id: 'a' }, ...others],
      },
    });
  const ready = { status: 'ready', heartbeatMs: 1, capacity: 0, ownedStreams: 0, load: 0 } as WorkerRecord;
  const b: WorkerRecord = { ...ready, id: 'b', url: 'http://b' };

  test('lets another one play what its viewers want, and deposes a dead owner through it', async () => {
    const claimed: string[] = [];
    const ownership = full(claimed, { others: [b] });
    const atB = { here: false, url: 'http://b', owner: 'b', epoch: 4 };
    expect(await ownership.acquire('s', {})).toEqual(atB);
    expect(await ownership.acquire('s', { deposes: { owner: 'c', epoch: 4 } })).toEqual({
      ...atB,
      deposes: 4,
    });
    expect(claimed).toEqual([]);
  });

  test('says so where everybody is', async () => {
    const claimed: string[] = [];
    const others = [{ ...b, capacity: 1, ownedStreams: 1 }];
    await expect(full(claimed, { others }).acquire('s', {})).rejects.toMatchObject({
      code: 'CAPACITY_EXHAUSTED',
      retryAfterSeconds: 5,
    });
    expect(claimed).toEqual([]);
  });

  test('takes over from a dead owner all the same where everybody is: no picture stops for a limit', async () => {
    const claimed: string[] = [];
    const ownership = full(claimed, { others: [{ ...b, capacity: 1, ownedStreams: 1 }] });
    expect(await ownership.acquire('s', { deposes: { owner: 'c', epoch: 4 } })).toEqual({
      here: true,
      epoch: 9,
    });
    expect(claimed).toEqual(['s']);
  });

  test.each([
    ['the store says is its own', { record: { owner: 'a' } }],
    ['nobody can be asked about', { away: true }],
    ['was taken from it by somebody it cannot reach', { contested: true }],
  ])('plays what %s', async (_, options) => {
    const claimed: string[] = [];
    const ownership = full(claimed, { others: [b], ...options });
    expect(await ownership.acquire('s', {})).toEqual({ here: true, epoch: 9 });
    expect(claimed).toEqual(['s']);
  });
});

test('a place is taken before the state is asked, and given back when it has answered', async () => {
  const steps: string[] = [];
  const ownership = new WorkerOwnership({
    leaseMs: 15_000,
    worker: {
      ...{ id: 'a', status: 'ready' as const, epochOf: () => undefined },
      ...{ isContested: () => false, noteContested: () => {}, limits: { maxStreams: 0, maxEncoders: 1 } },
      takeRoom: (_, { needsEncoder }) => {
        steps.push(`take ${needsEncoder}`);
        return () => void steps.push('give back');
      },
      acquire: async () => {
        steps.push('claim');
        throw new StreampoolError('STREAM_NOT_FOUND', 'gone');
      },
    },
    state: {
      getStream: async () => ({ kind: 'transcode' }) as StreamRecord,
      listWorkers: async () => [],
    },
  });
  await expect(ownership.acquire('s', {})).rejects.toMatchObject({ code: 'STREAM_NOT_FOUND' });
  expect(steps).toEqual(['take true', 'claim', 'give back']);
});
