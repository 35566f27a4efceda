-- Removes a provider with its slots.
-- KEYS[1]  prefix
-- ARGV[1]  provider id
-- returns  1, or 0 if there is none
-- @include slots
local id = ARGV[1]
redis.call('DEL', slots_key(id), holders_key(id), promises_key(id))
return redis.call('HDEL', PROVIDERS, id)
