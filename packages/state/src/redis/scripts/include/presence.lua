-- @include keys
-- @include events
-- @include workers
-- Viewers without a socket of their own (HLS) ask any node, or several in turn, and each is one viewer: it has come when the
-- first node says so, and has gone when the last one does. One hash for each, with
--   node:<id>  its visit there; '' if only the record of that node said that it is there
--   since      when it came, ms
--   bytes      what it got at nodes that it has left
--   said       no node serves it now, but it may go on at another one until its record expires: its farewell (data of the
--              event as JSON), or '' if its node was lost
--   over       it was taken for gone in the absence of its node, which may know better
-- A node that is in it has it in its set of viewers.
local PRESENCE_LEASES, OVER_MS = 8, 600000

-- { node = visit, … } and the other fields. Both are empty if nobody knows of such a viewer.
local function read_presence(key)
  local flat, nodes, about = redis.call('HGETALL', key), {}, {}
  for i = 1, #flat, 2 do
    local node = string.match(flat[i], '^node:(.*)$')
    if node then nodes[node] = flat[i + 1] else about[flat[i]] = flat[i + 1] end
  end
  return nodes, about
end

local function bytes_of(data) return math.floor(cjson.decode(data).bytes or 0) end

-- Labels of a stream as events have them, or nil.
local function labels_of(stream)
  local labels = redis.call('HGET', stream_key(stream), 'metadata')
  return labels and labels ~= '{}' and labels or nil
end

-- What is told of a viewer that nobody said farewell to.
local function lost_data(stream, client, about, now)
  local row = redis.call('HMGET', client_key(stream, client), 'ip', 'username', 'bytes', 'skips')
  return cjson.encode({
    clientId = client, reason = 'lost', ip = row[1] or nil, username = row[2] or nil, labels = labels_of(stream),
    -- Where nodes have said farewell, the record may have the figures of one of those.
    bytes = about.bytes and 0 or tonumber(row[3] or 0), skips = tonumber(row[4] or 0), durationMs = about.since and math.max(0, now - about.since) or 0,
  })
end

-- A viewer with a socket was taken for lost with its node, which may be there again and know better: the process of that node.
local function tell_lost(stream, client, node, connected_at, now)
  add_event('client_disconnected', stream, lost_data(stream, client, { since = iso_ms(connected_at) }, now), now)
  local record = worker_record(node)
  if record and record.process then redis.call('SET', lost_key(stream, client), record.process, 'PX', OVER_MS) end
end

-- Whether it was told that this process has lost it; from now on it was not.
local function was_told_lost(stream, client, process)
  local key = lost_key(stream, client)
  if redis.call('GET', key) ~= process then return false end
  redis.call('DEL', key)
  return true
end

-- What its node has of it (fields of its record) says that it never went.
local function tell_return(stream, client, set, now)
  local record = {}
  for i = 1, #set, 2 do record[set[i]] = set[i + 1] end
  add_event('client_connected', stream, cjson.encode({
    clientId = client, ip = record.ip, userAgent = record.user_agent, username = record.username, labels = labels_of(stream),
  }), now)
end

-- It has gone. `nodes`: those that had it and were not heard.
local function end_presence(stream, client, nodes, about, data, now)
  local key, member = presence_key(stream, client), stream .. ':' .. client
  if about.bytes then
    -- It was at several nodes: one knows a part of it only.
    local whole = cjson.decode(data)
    whole.bytes = (whole.bytes or 0) + tonumber(about.bytes)
    if about.since then whole.durationMs = math.max(whole.durationMs or 0, now - about.since) end
    data = cjson.encode(whole)
  end
  add_event('client_disconnected', stream, data, now)
  redis.call('DEL', key)
  for node in pairs(nodes) do redis.call('SREM', worker_clients_key(node), member) end
  if next(nodes) or about.said == '' then
    redis.call('HSET', key, 'over', '1')
    redis.call('PEXPIRE', key, OVER_MS)
  end
end

-- No node serves it now. Whoever sweeps ends it if that is still so after a lease.
local function let_go_on(stream, client, said, heard, lease_ms)
  local key, member = presence_key(stream, client), stream .. ':' .. client
  redis.call('HSET', key, 'said', said)
  redis.call('PEXPIRE', key, PRESENCE_LEASES * lease_ms)
  local expires = tonumber(redis.call('ZSCORE', CLIENTS_EXPIRY, member) or math.huge)
  redis.call('ZADD', CLIENTS_EXPIRY, math.min(expires, heard + lease_ms), member)
end

-- It has come to a node. `visit` tells this coming from others: the same again changes nothing.
local function came(stream, client, node, visit, data, now, lease_ms)
  local key = presence_key(stream, client)
  local nodes, about = read_presence(key)
  local is_known = nodes[node] == visit or about.said
  nodes[node] = nil
  local is_new = not is_known and next(nodes) == nil
  if is_new then
    redis.call('DEL', key)
    redis.call('HSET', key, 'since', now)
    add_event('client_connected', stream, data, now)
  elseif about.said then
    if about.said ~= '' then redis.call('HINCRBY', key, 'bytes', bytes_of(about.said)) end
    redis.call('HDEL', key, 'said')
  end
  redis.call('HSET', key, 'node:' .. node, visit)
  redis.call('PEXPIRE', key, PRESENCE_LEASES * lease_ms)
  redis.call('SADD', worker_clients_key(node), stream .. ':' .. client)
end

-- It has gone from a node. `moves`: only because that node ends, so it may go on at another one, if there is one.
local function went(stream, client, node, moves, data, now, heard, lease_ms)
  local key = presence_key(stream, client)
  -- Told before, or taken for gone.
  if redis.call('HDEL', key, 'node:' .. node) == 0 then return end
  redis.call('SREM', worker_clients_key(node), stream .. ':' .. client)
  local nodes, about = read_presence(key)
  local is_elsewhere = false
  for other in pairs(nodes) do is_elsewhere = is_elsewhere or not is_silent(other, heard, lease_ms) end
  if is_elsewhere then
    redis.call('HINCRBY', key, 'bytes', bytes_of(data))
  elseif moves and redis.call('ZCOUNT', HEARTBEATS, '(' .. (heard - lease_ms), '+inf') > 1 then
    for other in pairs(nodes) do
      redis.call('HDEL', key, 'node:' .. other)
      redis.call('SREM', worker_clients_key(other), stream .. ':' .. client)
    end
    let_go_on(stream, client, data, heard, lease_ms)
  else
    end_presence(stream, client, nodes, about, data, now)
  end
end

-- The record of a node says that it is there. True if that was not known, as after a loss of memory, or of the node.
local function is_there(stream, client, node, ttl_ms, set, now)
  local key = presence_key(stream, client)
  local is_news = redis.call('HSETNX', key, 'node:' .. node, '') == 1
  redis.call('PEXPIRE', key, ttl_ms * 2)
  if not is_news then return false end
  redis.call('HDEL', key, 'said')
  if redis.call('HDEL', key, 'over') == 1 then
    redis.call('HSET', key, 'since', now)
    tell_return(stream, client, set, now)
  end
  return true
end

-- A node has it no more, and did not say so. True if another one has it, or may have it soon.
local function lost_node(stream, client, node, heard, lease_ms)
  local key = presence_key(stream, client)
  if redis.call('HDEL', key, 'node:' .. node) == 0 then return false end
  local other = next((read_presence(key)))
  if not other then
    let_go_on(stream, client, '', heard, lease_ms)
  elseif redis.call('HGET', client_key(stream, client), 'node') == node then
    redis.call('HSET', client_key(stream, client), 'node', other)
  end
  return true
end
