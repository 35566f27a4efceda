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
