-- Takes a slot of a provider, if there is one.
-- KEYS[1]  prefix
-- ARGV[1]  provider id
-- ARGV[2]  lease
-- ARGV[3]  holder, JSON
-- ARGV[4]  lease of a node, ms
-- returns  { 1 } if it is taken (or there is no such provider), else
--          { 0, the provider as JSON, { { lease, holder as JSON, the lease it is promised to or '' }, … } }
-- @include clock
-- @include listening
-- @include slots
local id, lease, lease_ms, now = ARGV[1], ARGV[2], tonumber(ARGV[4]), now_ms()
local provider = redis.call('HGET', PROVIDERS, id)
if not provider then return { 1 } end
local heard = listening(now, lease_ms)
drop_expired(id, heard)
local has_it = redis.call('ZSCORE', slots_key(id), lease)
if not has_it and redis.call('ZCARD', slots_key(id)) >= cjson.decode(provider).maxConnections then
  return { 0, provider, slot_rows(id, heard) }
end
forget_heir(id, lease)
put_slot(id, lease, cjson.decode(ARGV[3]), heard + lease_ms, now)
return { 1 }
