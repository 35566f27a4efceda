import type { ConnectionHolder, FetchingClient, Slot, UpstreamFetcher } from '@streampool/upstream';
import { ProviderConnection } from '../src/source/provider-connection.ts';
import { ManualClock } from './manual-clock.ts';

/** A connection whose first request stays under way, at a provider whose slots are given out by the test. */
async function stage() {
  const clock = new ManualClock();
  const asked: PromiseWithResolvers<Slot>[] = [];
  const fetcher = {
    maxConnections: 2,
    fetch: () => new Promise<never>(() => {}),
    closeIdle: () => {},
    close: async () => {},
  } as unknown as UpstreamFetcher;
  const client = {
    fetcher: () => fetcher,
    reserve: (_target: object, signal: AbortSignal) => {
      const slot = Promise.withResolvers<Slot>();
      signal.addEventListener('abort', () => slot.reject(signal.reason));
      asked.push(slot);
      return slot.promise;
    },
  } as unknown as FetchingClient;
  const holder: ConnectionHolder = { streamId: 'one', end: () => {} };
  const connection = new ProviderConnection({
    ...{ client, clock, target: { url: 'http://provider.example/', headers: {}, holder } },
    timeouts: { connectMs: 1_000, firstByteMs: 1_000, stallMs: 1_000 },
    onFetch: () => {},
  });
  const { signal } = new AbortController();
  const want = async (): Promise<void> => {
    void connection.fetch({ url: 'http://provider.example/' }, signal).catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
  };
  const slot = (): Slot & { released: boolean } => ({
    released: false,
    release() {
      this.released = true;
    },
  });
  await want();
  asked[0]?.resolve(slot());
  await want();
  return { clock, asked, fetcher, connection, want, slot };
}

test('a second connection that was not free is asked for again after ten seconds, however often it is wanted', async () => {
  const { clock, asked, fetcher, connection, want, slot } = await stage();
  expect(asked).toHaveLength(2);
  asked[1]?.reject(new Error('none is free'));
  for (const _ of [1, 2, 3]) {
    clock.advance(3_000);
    await want();
  }
  expect(asked).toHaveLength(2);
  clock.advance(1_000);
  await want();
  expect(asked).toHaveLength(3);
  const second = slot();
  asked[2]?.resolve(second);
  await want();
  expect(fetcher.maxConnections).toBe(2);
  // As long as it is wanted it is kept.
  for (const _ of [1, 2, 3]) {
    clock.advance(9_000);
    await want();
  }
  expect([asked.length, second.released]).toEqual([3, false]);
  await connection.close();
  expect(second.released).toBe(true);
});

test('a second connection that comes too late is given back, and not used', async () => {
  const { clock, asked, fetcher, connection, want, slot } = await stage();
  clock.advance(10_000);
  const late = slot();
  asked[1]?.resolve(late);
  await new Promise((resolve) => setImmediate(resolve));
  expect([late.released, fetcher.maxConnections]).toEqual([true, 1]);
  await want();
  expect(asked).toHaveLength(3);
  await connection.close();
});
