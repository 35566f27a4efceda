-- Removes a stream with its definition, runtime and viewers; the viewers in steps, the rest with the last of them.
-- KEYS[1]  prefix
-- ARGV[1]  stream id
-- ARGV[2]  most viewers per step
-- returns  0 if there is none, 1 if there is more to be done, 2 when it is removed
-- @include clock
-- @include ownership
-- @include clients
local id, limit = ARGV[1], tonumber(ARGV[2])
local key, definition = stream_key(id), definition_key(id)
if redis.call('EXISTS', definition) == 0 then return 0 end
local viewers = {}
for _, client in ipairs(redis.call('SRANDMEMBER', stream_clients_key(id), limit)) do
  -- The nodes of one without a socket will say that it has gone.
  local has_socket = redis.call('EXISTS', presence_key(id, client)) == 0
  viewers[#viewers + 1] = { id, client, has_socket and redis.call('HGET', client_key(id, client), 'node') }
end
remove_clients(viewers)
if #viewers == limit then return 1 end
local row = redis.call('HMGET', key, 'owner', 'epoch')
if row[1] and row[1] ~= '' then take_away(id, key, row[1], now_ms()) end
local floor = tonumber(redis.call('HGET', META, 'epoch_floor') or 0)
if row[2] and tonumber(row[2]) > floor then redis.call('HSET', META, 'epoch_floor', row[2]) end
for _, name in ipairs(cjson.decode(redis.call('HGET', definition, 'metadata'))) do
  redis.call('SREM', metadata_key(name), id)
end
redis.call('DEL', key, definition, stream_clients_key(id))
redis.call('ZREM', STREAMS, id)
redis.call('ZREM', LEASES, id)
return 2
