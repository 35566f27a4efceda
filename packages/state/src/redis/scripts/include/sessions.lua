-- @include keys
-- @include events
-- Sessions. `index` is `<user>:<place>`, both escaped (see sessions.ts): no user's name can reach another's keys.
-- What ended not long ago is remembered per place: so many, so long (ENDINGS of ../../sessions.ts).
local ENDINGS_MOST, ENDINGS_MS = 8, 60000
local SESSIONS = P .. 'iptv:streams'
local SESSIONS_EXPIRY = P .. 'iptv:expiry'
local SESSIONS_INDEX = P .. 'iptv:session_index'
local USERS = P .. 'iptv:users'
local function place_key(index) return P .. 'iptv:user_index:' .. index end
local function endings_key(index) return P .. 'iptv:endings:' .. index end
local function user_sessions_key(index) return P .. 'iptv:user_sessions:' .. string.match(index, '^[^:]*') end
local function stream_sessions_key(stream) return P .. 'iptv:stream_sessions:' .. stream end

-- A session's JSON begins with its node, and ends in when it expires and when it was active last, each 13 digits: a touch
-- need not parse it.
local UNTIL_FROM, UNTIL_TO, ACTIVE_FROM = -43, -31, -14
local function stamp(now) return string.format('%.0f}', now) end
local function stamps(until_ms, now)
  return string.format('%.0f', until_ms) .. ',"lastActiveMs":' .. stamp(now)
end
local function session_json(description, started, until_ms, now)
  return string.sub(description, 1, -2) .. ',"startedAtMs":' .. string.format('%.0f', started) .. ',"untilMs":' .. stamps(until_ms, now)
end

-- { { session id, player, stream id, 'replaced' or 'ended', ms }, … }, oldest first.
local function endings_of(index)
  local json = redis.call('GET', endings_key(index))
  return json and cjson.decode(json) or {}
end

local function note_ending(index, id, session, reason, now)
  local endings = endings_of(index)
  endings[#endings + 1] = { id, session.player, session.streamId, reason, now }
  while #endings > ENDINGS_MOST or endings[1][5] <= now - ENDINGS_MS do table.remove(endings, 1) end
  redis.call('SET', endings_key(index), cjson.encode(endings), 'PX', ENDINGS_MS)
end

local function tell_session(kind, id, session, now, particulars)
  local data = particulars or {}
  data.user, data.ip, data.clientId, data.node = session.user, session.ip, session.clientId, session.node
  if id ~= '' then data.sessionId = id end
  add_event(kind, session.streamId, cjson.encode(data), now)
end

-- Ends one that is there; `json` as kept. `reason`: left, idle, replaced or ended. Returns it decoded.
local function drop_session(id, json, reason, now)
  local session = cjson.decode(json)
  local index = session.index
  redis.call('HDEL', SESSIONS, id)
  redis.call('ZREM', SESSIONS_EXPIRY, id)
  redis.call('ZREM', SESSIONS_INDEX, id)
  redis.call('ZREM', user_sessions_key(index), id)
  redis.call('SREM', stream_sessions_key(session.streamId), id)
  if redis.call('GET', place_key(index)) == id then redis.call('DEL', place_key(index)) end
  if reason == 'replaced' or reason == 'ended' then note_ending(index, id, session, reason, now) end
  tell_session('session_ended', id, session, now, { reason = reason })
  return session
end

-- What has expired by `heard`, `most` at most, of a sorted set of session ids. Returns how many there were.
local function drop_expired_sessions(set, heard, most, now)
  local expired = redis.call('ZRANGEBYSCORE', set, '-inf', heard, 'LIMIT', 0, most)
  for _, id in ipairs(expired) do
    local json = redis.call('HGET', SESSIONS, id)
    if json then drop_session(id, json, 'idle', now) else redis.call('ZREM', set, id) end
  end
  return #expired
end
