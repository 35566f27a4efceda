-- @include keys
-- @include timeline
-- @include presence
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

-- Removes viewers, { stream, client, node } each (node false if unknown, or if its set tells of a presence), from everywhere; a few thousand at most. Returns
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

-- Viewers, as above, whose nodes did not say farewell: it is in their timelines, and counted in their streams'. Of those that
-- are not `told` already it is an event.
local function note_losses(viewers, now)
  local of_stream = {}
  local function note(stream, client, node, fold, fold_ms, count, data)
    local entry = { type = 'client_disconnected', streamId = stream, clientId = client, node = node, data = data }
    entry.atMs, entry.lastMs, entry.count, entry.fold, entry.foldMs = now, now, count, fold, fold_ms
    keep_entry(entry, now)
  end
  for _, viewer in ipairs(viewers) do
    local stream, client = viewer[1], viewer[2]
    local row = redis.call('HMGET', client_key(stream, client), 'node', 'connected_at', 'user_agent')
    if row[1] then
      local data = { reason = 'lost', connectedAt = row[2], userAgent = row[3] or nil }
      note(stream, client, row[1], 'lost', 0, 1, data)
      if not viewer.told then tell_lost(stream, client, row[1], row[2], now) end
      local lost = of_stream[stream] or { count = 0, node = row[1] }
      lost.count, lost.node = lost.count + 1, lost.node == row[1] and row[1] or ''
      of_stream[stream] = lost
    end
  end
  local fold = string.sub(redis.sha1hex('client_disconnected||||lost||||'), 1, 12)
  for stream, lost in pairs(of_stream) do
    note(stream, nil, lost.node, fold, 300000, lost.count, { reason = 'lost' })
  end
end

-- Stream ids are hex digits, client ids whatever a player calls itself: the first colon parts them.
local function split_member(member)
  local colon = string.find(member, ':', 1, true)
  return string.sub(member, 1, colon - 1), string.sub(member, colon + 1)
end

-- Removes up to `limit` viewers that a node holds; those without a socket may go on at another one. True if there may be more.
local function remove_clients_of(node, limit, now, heard, lease_ms)
  local viewers = {}
  local members = redis.call('SPOP', worker_clients_key(node), limit)
  for _, member in ipairs(members) do
    local stream, client = split_member(member)
    -- A record that ended by itself and came back at another node has left this one's set behind.
    local holder = redis.call('HGET', client_key(stream, client), 'node')
    local goes_on = lost_node(stream, client, node, heard, lease_ms)
    if not goes_on and (not holder or holder == node) then viewers[#viewers + 1] = { stream, client, false } end
  end
  note_losses(viewers, now)
  remove_clients(viewers)
  return #members == limit
end
