import type { ClientRecord } from '@streampool/state';
import { LeftBehind, LOOKS_MS } from '../src/viewers/left-behind.ts';

const NODE = 'g1';
/** The store's clock is an hour ahead of this host's. */
const AHEAD_MS = 3_600_000;
const ASKED_AT_MS = 1_700_000_000_000;
/** It had to wait for its first picture. */
const CAME_AT_MS = ASKED_AT_MS + 700;
const [FIRST, SECOND] = LOOKS_MS;

/** What is watched under the id, by the records; `connectedAtMs` by this host's clock. */
function record(node: string, streamId: string, connectedAtMs: number, segments?: number): ClientRecord {
  return {
    ...{ id: 'tv', streamId, node, ip: '192.0.2.1', userAgent: 'VLC' },
    ...{ connectedAtMs: connectedAtMs + AHEAD_MS, lastActiveMs: 1, bytes: 1, lagBytes: 0, skips: 0 },
    ...(segments !== undefined && { segments }),
  };
}

const OWN = record(NODE, 'a', CAME_AT_MS);
const BEFORE = record('g2', 'b', ASKED_AT_MS - 5);

function stage() {
  const it = {
    records: [] as ClientRecord[],
    since: CAME_AT_MS as number | undefined,
    asked: [] as string[],
    looks: new Map<number, () => void>(),
  };
  const leftBehind = new LeftBehind({
    nodeId: NODE,
    state: { clientsOf: async () => it.records },
    present: { since: () => it.since },
    peers: {
      async disconnect(node, clientId, streamId, how) {
        it.asked.push(`${node} ${clientId} ${streamId} ${how?.hasMoved}`);
        return true;
      },
    },
    clock: {
      now: () => 0,
      wallNow: () => 0,
      after(ms, run) {
        it.looks.set(ms, run);
        return () => it.looks.delete(ms);
      },
    },
  });
  /** The time has come for the look after so many ms. */
  const pass = async (ms: number): Promise<void> => {
    const look = it.looks.get(ms);
    it.looks.delete(ms);
    look?.();
    await new Promise(setImmediate);
  };
  return { it, leftBehind, pass };
}

const ARRIVAL = { clientId: 'tv', streamId: 'a', askedAtMs: ASKED_AT_MS };

test('what a player had at another node before it asked here is ended there, once the records tell of it', async () => {
  const { it, leftBehind, pass } = stage();
  leftBehind.came(ARRIVAL);
  it.records = [OWN, BEFORE];
  await pass(FIRST);
  expect(it.asked).toEqual(['g2 tv b true']);
  expect(it.looks.size).toBe(0);
});

test.each([
  ['came there since', record('g2', 'b', CAME_AT_MS + 50)],
  ['began there while it began here', record('g2', 'b', ASKED_AT_MS + 50)],
  ['is there without a socket', record('g2', 'b', ASKED_AT_MS - 5, 3)],
  ['has another stream here', record(NODE, 'b', ASKED_AT_MS - 5)],
])('whoever %s stays', async (_name, other) => {
  const { it, leftBehind, pass } = stage();
  leftBehind.came(ARRIVAL);
  it.records = [OWN, other];
  await pass(FIRST);
  expect(it.asked).toEqual([]);
});

test('one that has left here ends nobody', async () => {
  const { it, leftBehind, pass } = stage();
  leftBehind.came(ARRIVAL);
  it.records = [OWN, BEFORE];
  it.since = undefined;
  await pass(FIRST);
  await pass(SECOND);
  expect(it.asked).toEqual([]);
});

test('records that do not tell of the player itself yet are looked at once more', async () => {
  const { it, leftBehind, pass } = stage();
  leftBehind.came(ARRIVAL);
  it.records = [BEFORE];
  await pass(FIRST);
  expect(it.asked).toEqual([]);
  it.records = [OWN, BEFORE];
  await pass(SECOND);
  expect(it.asked).toEqual(['g2 tv b true']);
});

test('a player that comes again is looked for anew, and nobody is when the gateway has closed', async () => {
  const { it, leftBehind, pass } = stage();
  leftBehind.came({ ...ARRIVAL, streamId: 'b' });
  leftBehind.came(ARRIVAL);
  expect(it.looks.size).toBe(1);
  leftBehind.close();
  it.records = [OWN, BEFORE];
  await pass(FIRST);
  expect(it.asked).toEqual([]);
});
