-- Removes a worker, with what it owns and the viewers it holds; the viewers in steps, its record with the last of them.
-- KEYS[1]  prefix
-- ARGV[1]  worker id
-- ARGV[2]  lease, ms
-- ARGV[3]  1 if only a dead worker is to be removed, else ''
-- ARGV[4]  most viewers per step
-- returns  0 if there is none (or it is alive), 1 if there is more to be done, 2 when it is removed
-- @include clock
-- @include listening
-- @include ownership
-- @include clients
local id, lease_ms, now = ARGV[1], tonumber(ARGV[2]), now_ms()
if redis.call('HEXISTS', WORKERS, id) == 0 then return 0 end
local heard = listening(now, lease_ms)
if ARGV[3] ~= '' and not is_silent(id, heard, lease_ms) then return 0 end
take_away_all(id, now)
if remove_clients_of(id, tonumber(ARGV[4]), now, heard, lease_ms) then return 1 end
redis.call('HDEL', WORKERS, id)
redis.call('ZREM', HEARTBEATS, id)
redis.call('DEL', worker_streams_key(id), worker_clients_key(id))
return 2
