import { RateLimits } from '@streampool/gateway';
import { RedisServer, waitFor } from '@streampool/testkit';
import { rateLimitStore } from '../src/cluster/rate-limit-store.ts';

const limit = (count: number) => ({ count, perMs: 60_000 });
const settings = { api: limit(3), watch: limit(3), failures: limit(2) };

test('gateways count together while there is a Redis, and each for itself while there is none', async () => {
  const server = await RedisServer.start();
  const stores = [rateLimitStore(server.url), rateLimitStore(server.url)];
  const gateways = stores.map(({ redis }) => new RateLimits({ settings, redis, keyPrefix: 'test:' }));
  await waitFor(() => stores.every(({ redis }) => redis.status === 'ready'));
  const ask = async (gateway: number, address: string): Promise<string> =>
    gateways[gateway]!.api(address, 'tv').then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );
  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await ask(i % 2, '203.0.113.1'));
  expect(answers).toEqual(['ok', 'ok', 'ok', 'RATE_LIMITED']);
  // Wrong tokens at one gateway count at the other.
  for (let i = 0; i < 3; i++) await gateways[0]!.failed('203.0.113.2');
  await expect(gateways[1]!.mayTry('203.0.113.2')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  await expect(gateways[1]!.mayTry('203.0.113.3')).resolves.toBeUndefined();
  // Players are not held up for it: who is over the limit of all is let in once more, at the most.
  const watch = async (gateway: number): Promise<string> =>
    gateways[gateway]!.watch('203.0.113.6').then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );
  const begun = [];
  for (let i = 0; i < 3; i++) begun.push(await watch(0));
  expect(begun).toEqual(['ok', 'ok', 'ok']);
  await waitFor(async () => (await watch(1)) === 'RATE_LIMITED', { what: 'the other gateway knowing it' });

  // It stands still: its connections are there, and are not answered.
  server.stop();
  const alone = [];
  for (let i = 0; i < 4; i++) alone.push(await ask(0, '203.0.113.4'));
  expect(alone).toEqual(['ok', 'ok', 'ok', 'RATE_LIMITED']);
  expect(await ask(1, '203.0.113.4')).toBe('ok');
  await expect(gateways[0]!.mayTry('203.0.113.5')).resolves.toBeUndefined();
  await expect(gateways[1]!.watch('203.0.113.7')).resolves.toBeUndefined();
  for (const store of stores) store.close();
  await server.close();
});
