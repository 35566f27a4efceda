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

local function add_to(lists, name, item)
  local list = lists[name]
  if list then list[#list + 1] = item else lists[name] = { item } end
end

-- Removes viewers, { stream, client, node } each (node false if unknown), from everywhere; a few thousand at most. Returns
-- how many there were. In a few commands, however many they are: each command costs more than what it does here.
local function remove_clients(viewers)
  if #viewers == 0 then return 0 end
  local keys, expiry, index, of_stream, of_node = {}, {}, {}, {}, {}
  for i, viewer in ipairs(viewers) do
    local stream, client, node = viewer[1], viewer[2], viewer[3]
    local member = stream .. ':' .. client
    keys[i], expiry[i], index[i] = client_key(stream, client), member, client .. ':' .. stream
    add_to(of_stream, stream, client)
    if node then add_to(of_node, node, member) end
  end
  redis.call('UNLINK', unpack(keys))
  redis.call('ZREM', CLIENTS_EXPIRY, unpack(expiry))
  redis.call('ZREM', CLIENTS_INDEX, unpack(index))
  for node, members in pairs(of_node) do redis.call('SREM', worker_clients_key(node), unpack(members)) end
  local removed = 0
  for stream, clients in pairs(of_stream) do
    removed = removed + redis.call('SREM', stream_clients_key(stream), unpack(clients))
  end
  count_viewers(of_stream)
  return removed
end

-- Stream ids are hex digits, client ids whatever a player calls itself: the first colon parts them.
local function split_member(member)
  local colon = string.find(member, ':', 1, true)
  return string.sub(member, 1, colon - 1), string.sub(member, colon + 1)
end

-- Removes up to `limit` viewers that a node holds. True if there may be more.
local function remove_clients_of(node, limit)
  local viewers = {}
  local members = redis.call('SPOP', worker_clients_key(node), limit)
  for _, member in ipairs(members) do
    local stream, client = split_member(member)
    -- A record that ended by itself and came back at another node has left this one's set behind.
    local holder = redis.call('HGET', client_key(stream, client), 'node')
    if not holder or holder == node then viewers[#viewers + 1] = { stream, client, false } end
  end
  remove_clients(viewers)
  return #members == limit
end
