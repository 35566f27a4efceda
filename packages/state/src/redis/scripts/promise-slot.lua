-- Promises a slot that is about to be given back to somebody who waits.
-- KEYS[1]  prefix
-- ARGV[1]  provider id
-- ARGV[2]  lease
-- ARGV[3]  the heir's lease
-- ARGV[4]  the heir as a holder, JSON
-- ARGV[5]  how long it is promised, ms
-- ARGV[6]  lease of a node, ms
-- returns  1, or 0 if it is promised to another or not taken
-- @include clock
-- @include listening
-- @include slots
local id, lease, heir = ARGV[1], ARGV[2], ARGV[3]
local heard = listening(now_ms(), tonumber(ARGV[6]))
local score = redis.call('ZSCORE', slots_key(id), lease)
if not score or tonumber(score) <= heard then return 0 end
local promise = promise_of(id, lease, heard)
if promise and promise.lease ~= heir then return 0 end
local made = { lease = heir, holder = cjson.decode(ARGV[4]), untilMs = heard + tonumber(ARGV[5]) }
redis.call('HSET', promises_key(id), lease, cjson.encode(made))
return 1
