export type * from './cluster-state.ts';
export { DEFAULT_CLIENT_TTL_MS, DEFAULT_LEASE_MS } from './limits.ts';
export { processStartTicks, startTicksOf } from './process-identity.ts';
export type * from './records.ts';
export { redisPlace } from './redis/connection.ts';
export { RedisClusterState, type RedisStateOptions } from './redis/redis-cluster-state.ts';
export { SqliteClusterState, type SqliteStateOptions } from './sqlite/sqlite-cluster-state.ts';
export { openSqliteState, type ThreadedStateOptions } from './sqlite/threaded-state.ts';
export { type SharingStrategy, type StreamIdentity, streamId } from './stream-id.ts';
