import { type NewEvent, SqliteClusterState } from '@streampool/state';
import fc from 'fast-check';
import { pino } from 'pino';
import { EventFeed, type EventFeedOptions, type HeardEvents, isAfter } from '../src/index.ts';

const log = pino({ level: 'silent' });
let state: SqliteClusterState;
let ended: AbortController;

beforeEach(() => {
  state = new SqliteClusterState({ path: ':memory:' });
  ended = new AbortController();
});

afterEach(async () => {
  ended.abort();
  await state.close();
});

const event = (n: number): NewEvent => ({ type: 'client_connected', streamId: 's', data: { n } });
const publish = async (from: number, to: number): Promise<void> => {
  for (let n = from; n <= to; n++) await state.publish(event(n));
};

function feedOf(options: Partial<EventFeedOptions> = {}): EventFeed {
  return new EventFeed({
    state,
    log,
    waitMs: 200,
    pause: () => new Promise((resolve) => setTimeout(resolve, 5)),
    ...options,
  });
}

/** The numbers of the next events, until there are `count`. */
async function hear(listening: AsyncGenerator<HeardEvents>, count: number): Promise<number[]> {
  const heard: number[] = [];
  while (heard.length < count) {
    const { value, done } = await listening.next();
    if (done) break;
    heard.push(...(value as HeardEvents).events.map(({ data }) => data.n as number));
  }
  return heard;
}

test('whoever listens from now on hears what comes, whoever gives a place what was and what comes', async () => {
  await publish(1, 3);
  const feed = feedOf();
  const { signal } = ended;
  const place = (await state.readEvents())[0]?.id as string;
  const resumed = feed.listen({ after: place, signal });
  expect(await hear(resumed, 2)).toEqual([2, 3]);
  const fresh = feed.listen({ signal });
  const all = feed.listen({ after: '', signal });
  expect(await fresh.next()).toMatchObject({ value: { events: [], lost: false } });
  expect(await hear(all, 3)).toEqual([1, 2, 3]);
  await publish(4, 5);
  expect(await hear(fresh, 2)).toEqual([4, 5]);
  expect(await hear(resumed, 2)).toEqual([4, 5]);
  expect(await hear(all, 2)).toEqual([4, 5]);
  expect(feed.figures()).toMatchObject({ listeners: 3, dropped: 0 });
});

test('the past and the present join without a gap and without anything twice, while events go on', async () => {
  await publish(1, 1_200);
  const feed = feedOf();
  const keeper = feed.listen({ signal: ended.signal });
  await keeper.next();
  const listening = feed.listen({ after: '', signal: ended.signal });
  const heard: number[] = [];
  let next = 1_200;
  while (heard.length < 1_300) {
    const { value } = await listening.next();
    heard.push(...(value as HeardEvents).events.map(({ data }) => data.n as number));
    for (let more = 0; more < 20 && next < 1_300; more++) await state.publish(event(++next));
  }
  expect(heard).toEqual(Array.from({ length: 1_300 }, (_, i) => i + 1));
});

test('a place that is not kept any more, or never was, is said to be lost', async () => {
  await publish(1, 2);
  const feed = feedOf();
  const beyond = await feed.listen({ after: '999', signal: ended.signal }).next();
  expect(beyond.value).toMatchObject({ lost: true, place: '2' });
  const trimmed = feedOf({
    state: {
      eventsEnd: () => state.eventsEnd(),
      waitForEvents: (query) => state.waitForEvents(query),
      readEvents: async ({ limit, ...query } = {}) =>
        (await state.readEvents(query)).filter(({ id }) => Number(id) > 2).slice(0, limit),
    },
  });
  await publish(3, 4);
  const old = await trimmed.listen({ after: '1', signal: ended.signal }).next();
  expect(old.value).toMatchObject({ lost: true, place: '4' });
  const next = await trimmed.listen({ after: '2', signal: ended.signal }).next();
  expect(next.value).toMatchObject({ lost: false, place: '4' });
});

test('who takes too little is dropped, and goes on from where it was; the others do not notice', async () => {
  const feed = feedOf({ mostWaiting: 10 });
  const after = await state.eventsEnd();
  const slow = feed.listen({ after, signal: ended.signal });
  const quick = feed.listen({ after, signal: ended.signal });
  const both = Promise.all([hear(slow, 1), hear(quick, 1)]);
  await publish(1, 1);
  await both;
  // The second one is none of the past.
  const second = slow.next();
  const others = hear(quick, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await publish(1, 1);
  const { place } = (await second).value as HeardEvents;
  await others;
  const heard = hear(quick, 15);
  for (let n = 2; n <= 16; n++) {
    await state.publish(event(n));
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(await heard).toEqual(Array.from({ length: 15 }, (_, i) => i + 2));
  await expect(slow.next()).rejects.toMatchObject({ code: 'EVENTS_TOO_SLOW' });
  expect(feed.figures()).toMatchObject({ dropped: 1, listeners: 1 });
  expect(await hear(feed.listen({ after: place, signal: ended.signal }), 15)).toHaveLength(15);
});

test('there is one reader whoever listens, none when nobody does, and an outage costs nothing', async () => {
  let waits = 0;
  let most = 0;
  let failures = 0;
  const feed = feedOf({
    state: {
      eventsEnd: () => state.eventsEnd(),
      readEvents: (query) => state.readEvents(query),
      waitForEvents: async (query) => {
        waits += 1;
        most = Math.max(most, waits);
        try {
          if (failures > 0) {
            failures -= 1;
            throw new Error('away');
          }
          return await state.waitForEvents({ ...query, waitMs: 20 });
        } finally {
          waits -= 1;
        }
      },
    },
  });
  const here = new AbortController();
  const after = await state.eventsEnd();
  const listening = Array.from({ length: 5 }, () => feed.listen({ after, signal: here.signal }));
  const heard = listening.map((each) => hear(each, 2));
  failures = 3;
  await publish(1, 2);
  expect(await Promise.all(heard)).toEqual(Array.from({ length: 5 }, () => [1, 2]));
  expect(most).toBe(1);
  here.abort();
  for (const each of listening) await each.return(undefined);
  expect(feed.figures().listeners).toBe(0);
  const deadline = Date.now() + 30_000;
  while (waits > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(waits).toBe(0);
});

test('closing ends who listens', async () => {
  const feed = feedOf();
  const listening = feed.listen({ signal: ended.signal });
  await listening.next();
  const waiting = listening.next();
  feed.close();
  await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  await expect(feed.listen({ signal: ended.signal }).next()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
});

test('places are in the order of what they are of', () => {
  expect(isAfter('10', '9')).toBe(true);
  expect(isAfter('1700-2', '1700-10')).toBe(false);
  expect(isAfter('0', '')).toBe(true);
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), fc.nat(), (a, b, c, d) => {
      expect(isAfter(`${a}-${b}`, `${c}-${d}`)).toBe(a > c || (a === c && b > d));
    }),
  );
});
