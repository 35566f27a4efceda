// What needs a client of Redis: a node that has its state in a file loads none.
export { redisPlace } from './redis/connection.ts';
export { RedisClusterState, type RedisStateOptions } from './redis/redis-cluster-state.ts';
