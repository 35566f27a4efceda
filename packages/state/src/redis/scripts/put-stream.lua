-- Keeps a definition and what is shown of it; keeps birth and runtime of a stream that is there already.
-- KEYS[1]  prefix
-- ARGV[1]  stream id
-- ARGV[2]  the definition without its birth, JSON (with credentials)
-- ARGV[3]  ms since the epoch: its birth, if it is new
-- ARGV[4]  JSON { set: [field, value, …], clear: [field, …], metadata: [name of an index key, …] }
-- ARGV[5]  '1' if one that is there is to be left as it is
-- returns  1 if it was created, 0 if it was there
-- @include clock
-- @include keys
-- @include iso_time
local id = ARGV[1]
if ARGV[5] == '1' and redis.call('EXISTS', definition_key(id)) == 1 then return 0 end
local shown = cjson.decode(ARGV[4])
local key, definition = stream_key(id), definition_key(id)
local known = redis.call('HGET', definition, 'metadata')
if known then
  for _, name in ipairs(cjson.decode(known)) do redis.call('SREM', metadata_key(name), id) end
else
  local now = now_ms()
  -- A stream that is made again under the id of a removed one goes on above every epoch ever given out.
  local epoch = redis.call('HGET', META, 'epoch_floor') or 0
  redis.call('HSET', definition, 'created_at_ms', ARGV[3])
  redis.call('HSET', key, 'state', 'idle', 'owner', '', 'host', '', 'epoch', epoch, 'viewers', 0,
    'failover_index', 0, 'failover_attempts', 0, 'created_at', iso(tonumber(ARGV[3])), 'last_access', iso(now))
  redis.call('ZADD', STREAMS, now, id)
end
redis.call('HSET', definition, 'definition', ARGV[2], 'metadata', cjson.encode(shown.metadata))
for _, name in ipairs(shown.metadata) do redis.call('SADD', metadata_key(name), id) end
redis.call('HSET', key, unpack(shown.set))
if #shown.clear > 0 then redis.call('HDEL', key, unpack(shown.clear)) end
return known and 0 or 1
