-- @include keys
-- A stream's viewers are as many as there are records of them.
local function count_viewers(streams)
  for stream in pairs(streams) do
    local key = stream_key(stream)
    if redis.call('EXISTS', key) == 1 then
      redis.call('HSET', key, 'viewers', redis.call('SCARD', stream_clients_key(stream)))
    end
  end
end

-- Removes one viewer from everywhere. False if there was none.
local function remove_client(stream, client)
  local key = client_key(stream, client)
  local node = redis.call('HGET', key, 'node')
  local member = stream .. ':' .. client
  redis.call('DEL', key)
  redis.call('ZREM', CLIENTS_EXPIRY, member)
  redis.call('ZREM', CLIENTS_INDEX, client .. ':' .. stream)
  if node then redis.call('SREM', worker_clients_key(node), member) end
  return redis.call('SREM', stream_clients_key(stream), client) == 1
end

-- Stream ids are hex digits, client ids whatever a player calls itself: the first colon parts them.
local function split_member(member)
  local colon = string.find(member, ':', 1, true)
  return string.sub(member, 1, colon - 1), string.sub(member, colon + 1)
end

-- Removes up to `limit` viewers that a node holds. True if there may be more.
local function remove_clients_of(node, limit)
  local counted = {}
  local members = redis.call('SPOP', worker_clients_key(node), limit)
  for _, member in ipairs(members) do
    local stream, client = split_member(member)
    -- A record that ended by itself and came back at another node has left this one's set behind.
    local holder = redis.call('HGET', client_key(stream, client), 'node')
    if not holder or holder == node then
      remove_client(stream, client)
      counted[stream] = true
    end
  end
  count_viewers(counted)
  return #members == limit
end
