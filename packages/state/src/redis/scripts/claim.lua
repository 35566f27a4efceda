-- Makes a worker the owner of a stream that is free: nobody's, its lease expired, its owner silent, or deposed.
-- KEYS[1]  prefix
-- ARGV[1]  stream id
-- ARGV[2]  worker id
-- ARGV[3]  the worker's host
-- ARGV[4]  lease, ms
-- ARGV[5]  epoch of an owner that the caller saw die, or ''
-- returns  { 1 if granted else 0, owner, epoch, 1 if another worker was playing it until now else 0 }
-- errors   STREAM_NOT_FOUND
-- @include clock
-- @include listening
-- @include ownership
local id, worker, host, lease_ms = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key = stream_key(id)
local row = redis.call('HMGET', key, 'owner', 'epoch', 'state')
if not row[2] then return refusal('STREAM_NOT_FOUND', { streamId = id }) end
local owner, epoch, now = row[1], tonumber(row[2]), now_ms()
local heard = listening(now, lease_ms)
if owner == worker then
  renew(id, heard, lease_ms)
  return { 1, owner, epoch, 0 }
end
if tonumber(ARGV[5]) ~= epoch and is_held(id, owner, heard, lease_ms) then
  return { 0, owner, epoch, 0 }
end
local state = row[3]
local continues = owner ~= '' and (state == 'live' or state == 'switching' or state == 'draining')
give(id, key, owner, worker, host, epoch + 1, now, lease_ms)
return { 1, worker, epoch + 1, continues and 1 or 0 }
