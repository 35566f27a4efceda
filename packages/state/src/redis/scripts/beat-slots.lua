-- Renews slots of a node; with its first beat ends those of its former lives.
-- KEYS[1]  prefix
-- ARGV[1]  JSON { node, life, first: boolean, held: [[provider id, lease, holder], …], released: [[provider id, lease], …] }
-- ARGV[2]  lease of a node, ms
-- returns  { { provider as JSON, … }, generation or '' }
-- @include clock
-- @include listening
-- @include slots
local beat, lease_ms, now = cjson.decode(ARGV[1]), tonumber(ARGV[2]), now_ms()
local heard = listening(now, lease_ms)
for _, slot in ipairs(beat.released) do give_back(slot[1], slot[2], heard, now) end
local providers = redis.call('HGETALL', PROVIDERS)
local records, known = {}, {}
for i = 1, #providers, 2 do
  local id = providers[i]
  known[id] = true
  records[#records + 1] = providers[i + 1]
  drop_expired(id, heard)
  -- Reads every slot there is: once in the life of a node.
  for _, row in ipairs(beat.first and slot_rows(id, heard) or {}) do
    local holder = cjson.decode(row[2])
    if holder.node == beat.node and holder.life ~= beat.life then give_back(id, row[1], heard, now) end
  end
end
for _, slot in ipairs(beat.held) do
  local id, lease = slot[1], slot[2]
  if redis.call('ZSCORE', slots_key(id), lease) then
    redis.call('ZADD', slots_key(id), heard + lease_ms, lease)
  elseif known[id] then
    put_slot(id, lease, slot[3], heard + lease_ms, now)
  end
end
return { records, redis.call('HGET', META, 'generation') or '' }
