-- Adds or renews viewers that a node holds.
-- KEYS[1]  prefix
-- ARGV[1]  worker id
-- ARGV[2]  its process: nothing is done for one that another process has replaced
-- ARGV[3]  TTL, ms
-- ARGV[4]  lease, ms
-- ARGV[5]  JSON [ { stream, id, socketless, set: [field, value, …], clear: [field, …] }, … ]
-- returns  { id of a stream that is unknown, … }
-- @include clock
-- @include listening
-- @include workers
-- @include clients
local node, ttl_ms = ARGV[1], tonumber(ARGV[3])
local now = now_ms()
local heard = listening(now, tonumber(ARGV[4]))
local record = worker_record(node)
if not record or record.process ~= ARGV[2] then return {} end
local missing, counted = {}, {}
for _, client in ipairs(cjson.decode(ARGV[5])) do
  local stream, id = client.stream, client.id
  local key = client_key(stream, id)
  local member = stream .. ':' .. id
  local holder = redis.call('HGET', key, 'node')
  local exists = holder == node or redis.call('EXISTS', stream_key(stream)) == 1
  if exists then
    local is_new = holder ~= node
    if client.socketless then
      -- It may be at several nodes at once, and counts once.
      is_new = is_there(stream, id, node, ttl_ms, client.set, now) or not holder
    elseif is_new and holder then
      redis.call('SREM', worker_clients_key(holder), member)
    elseif is_new and was_told_lost(stream, id, record.process) then
      tell_return(stream, id, client.set, now)
    end
    if is_new then
      redis.call('SADD', worker_clients_key(node), member)
      redis.call('SADD', stream_clients_key(stream), id)
      redis.call('ZADD', CLIENTS_INDEX, 0, id .. ':' .. stream)
      counted[stream] = true
    end
    redis.call('HSET', key, 'node', node, unpack(client.set))
    if #client.clear > 0 then redis.call('HDEL', key, unpack(client.clear)) end
    -- The index decides when it has expired; the key's own end is for a store that nobody sweeps.
    redis.call('PEXPIRE', key, ttl_ms * 2)
    redis.call('ZADD', CLIENTS_EXPIRY, heard + ttl_ms, member)
  else
    missing[#missing + 1] = stream
  end
end
count_viewers(counted)
return missing
