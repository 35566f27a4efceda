import { join } from 'node:path';
import { RedisServer } from '@streampool/testkit';
import { Redis } from 'ioredis';

/** Replaces the scripts' clock by Redis TIME, moved by what {@link OwnRedis.pass} has let pass. */
export const MOVED_CLOCK = `
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(redis.call('GET', 'test-offset') or 0)
end
`;

/** A Redis of a test file's own. */
export interface OwnRedis {
  /** As REDIS_URL has it. */
  readonly url: string;
  /** What looks into it beside the state. */
  readonly admin: Redis;
  /** Lets time pass for states whose scripts have {@link MOVED_CLOCK}, ms; until it is emptied. */
  pass(ms: number): Promise<void>;
}

/** Opens a Redis for the tests of the file that calls it, at its top; each of them finds it empty. */
export function useRedis(): OwnRedis {
  let server: RedisServer | undefined;
  let admin: Redis | undefined;
  beforeAll(async () => {
    server = await RedisServer.start();
    admin = new Redis(join(server.directory, 'redis.sock'));
  });
  beforeEach(async () => {
    await admin?.flushall();
  });
  afterAll(async () => {
    await admin?.quit();
    await server?.close();
  });
  return {
    get url() {
      return server!.url;
    },
    get admin() {
      return admin!;
    },
    pass: async (ms) => {
      await admin!.incrby('test-offset', Math.ceil(ms));
    },
  };
}
