import { Flights } from '../src/flights.ts';
import { ManualClock } from './manual-clock.ts';

/** Questions that are answered by hand, with the signals they were given. */
function asking() {
  const asked: { readonly signal: AbortSignal; readonly answer: (text: string) => void }[] = [];
  const ask = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve) => asked.push({ signal, answer: resolve }));
  return { asked, ask };
}

const NEVER = new AbortController().signal;

test('who comes after the last one has left asks anew, though what was asked has not ended yet', async () => {
  const flights = new Flights<string>();
  const { asked, ask } = asking();
  const leaving = new AbortController();
  const first = flights.start('list', ask);
  const left = first.wait(leaving.signal);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
  expect(asked[0]?.signal.aborted).toBe(true);
  expect(flights.get('list')).toBeUndefined();
  const next = flights.start('list', ask);
  // The first one ends now: that is not the end of the second.
  asked[0]?.answer('too late');
  await first.promise;
  expect(flights.get('list')).toBe(next);
  asked[1]?.answer('here');
  expect(await next.wait(NEVER)).toBe('here');
  expect(flights.size).toBe(0);
});

test('who leaves ends it for nobody else, and it goes on for the next one where it is kept or was waited for in vain', async () => {
  const clock = new ManualClock();
  const flights = new Flights<string>();
  const { asked, ask } = asking();
  const leaving = new AbortController();
  const flight = flights.start('list', ask);
  const [left, stays] = [flight.wait(leaving.signal), flight.wait(NEVER, { clock, ms: 100 })];
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
  await clock.advance(100);
  expect(await stays).toBeUndefined();
  const kept = flights.start('segment', ask);
  kept.keep();
  await expect(kept.wait(AbortSignal.abort())).rejects.toMatchObject({ code: 'STREAM_STOPPED' });
  expect(asked.map(({ signal }) => signal.aborted)).toEqual([false, false]);
  expect(flights.size).toBe(2);
});
