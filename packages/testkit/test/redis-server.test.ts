import { RedisServer } from '@streampool/testkit';

test.each(['unix', 'tcp'] as const)(
  'over %s: it stands still, forgets, dies and comes back empty',
  async (listen) => {
    const redis = await RedisServer.start({ listen });
    try {
      const { url } = redis;
      expect(await redis.command('SET', 'a', '1')).toBe('+OK');
      redis.stop();
      const late = redis.command('GET', 'a');
      expect(await Promise.race([late, new Promise((r) => setTimeout(r, 100, 'silence'))])).toBe('silence');
      redis.continue();
      expect(await late).toBe('$1\r\n1');
      await redis.flush();
      expect(await redis.command('GET', 'a')).toBe('$-1');
      await redis.command('SET', 'a', '1');
      await redis.kill();
      await expect(redis.command('PING')).rejects.toThrow();
      await redis.start();
      expect(redis.url).toBe(url);
      expect(await redis.command('GET', 'a')).toBe('$-1');
    } finally {
      await redis.close();
    }
  },
);
