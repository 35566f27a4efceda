-- All workers, and which of them are dead.
-- KEYS[1]  prefix
-- ARGV[1]  lease, ms
-- returns  { { worker as JSON, … }, { id of one that has been silent for a lease, … } }
-- @include clock
-- @include listening
local lease_ms = tonumber(ARGV[1])
local heard = listening(now_ms(), lease_ms)
return { redis.call('HVALS', WORKERS), redis.call('ZRANGEBYSCORE', HEARTBEATS, '-inf', heard - lease_ms) }
