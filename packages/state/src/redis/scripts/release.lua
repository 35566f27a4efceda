-- Gives an ownership up.
-- KEYS[1]  prefix
-- ARGV[1]  stream id
-- ARGV[2]  epoch it was granted under
-- ARGV[3]  lease in ms if only an expired ownership is to be ended (then its process is listed), else ''
-- returns  1 if it was given up, 0 if there was nothing to give up
-- errors   STALE_EPOCH
-- @include clock
-- @include listening
-- @include ownership
local id, lease_ms = ARGV[1], tonumber(ARGV[3])
local key = stream_key(id)
local row = redis.call('HMGET', key, 'owner', 'epoch')
if not row[2] then return 0 end
local owner, epoch = row[1], tonumber(row[2])
if owner == '' or epoch ~= tonumber(ARGV[2]) then
  return refusal('STALE_EPOCH', { streamId = id, owner = owner, epoch = epoch })
end
if not lease_ms then
  disown(id, key, owner)
  return 1
end
local now = now_ms()
if is_held(id, owner, listening(now, lease_ms), lease_ms) then return 0 end
take_away(id, key, owner, now)
return 1
