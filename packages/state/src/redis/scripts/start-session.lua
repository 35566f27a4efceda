-- Starts a session, goes on with it, or refuses it.
-- KEYS[1]  prefix
-- ARGV[1]  the session without id and times, JSON
-- ARGV[2]  its id, if it is a new one
-- ARGV[3]  index (user:place)
-- ARGV[4]  most sessions of the user, 0 for any number, where the store knows nothing else of it
-- ARGV[5]  what a renewal lasts, ms
-- ARGV[6]  lease of a node, ms
-- ARGV[7]  quiet time, ms
-- ARGV[8]  '1' if the viewer has been served all along
-- ARGV[9]  how often one may come back before its quiet time begins, 0 for any number
-- ARGV[10] endings closer to each other than this count once, ms
-- returns  { 'granted', session id, active, limit, id of what was replaced or '', its JSON or '' },
--          { 'limit', active, limit }, { 'replaced' } or { 'ended' }
-- @include clock
-- @include listening
-- @include sessions
local description, id, index = ARGV[1], ARGV[2], ARGV[3]
local limit, lasts_ms, quiet_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])
local resumes = ARGV[8] == '1'
local now = now_ms()
local heard = listening(now, tonumber(ARGV[6]))
local until_ms = heard + lasts_ms
local asked = cjson.decode(description)
local sessions = user_sessions_key(index)
drop_expired_sessions(sessions, heard, 1000, now)

local said = redis.call('HGET', USERS, asked.user)
if said then limit = cjson.decode(said).maxSessions end
local active = redis.call('ZCOUNT', sessions, '(' .. heard, '+inf')
local current = redis.call('GET', place_key(index))
local json = current and redis.call('HGET', SESSIONS, current)
local session = json and cjson.decode(json)

if session and session.player == asked.player and session.streamId == asked.streamId then
  redis.call('HSET', SESSIONS, current, session_json(description, session.startedAtMs, until_ms, now))
  redis.call('ZADD', SESSIONS_EXPIRY, until_ms, current)
  redis.call('ZADD', sessions, until_ms, current)
  return { 'granted', current, active, limit, '', '' }
end
if session and resumes then return { 'replaced' } end

local most_returns, apart_ms = tonumber(ARGV[9]), tonumber(ARGV[10])
local returns, counted, last = 0, nil, nil
for _, ending in ipairs(endings_of(index)) do
  if ending[2] == asked.player and ending[3] == asked.streamId and ending[5] > now - ENDINGS_MS then
    if not counted or ending[5] >= counted + apart_ms then returns, counted = returns + 1, ending[5] end
    last = ending
  end
end
if last and last[5] > now - quiet_ms then
  if last[4] == 'ended' then return { 'ended' } end
  -- A player that took its own place is zapping, and may come back at once.
  local is_often = most_returns > 0 and returns >= most_returns
  if session and (session.player ~= asked.player or is_often) then return { 'replaced' } end
end

-- Replacing makes them no more.
if not session and not resumes and limit > 0 and active >= limit then
  tell_session('session_refused', '', asked, now, { active = active, limit = limit })
  return { 'limit', active, limit }
end
if session then drop_session(current, json, 'replaced', now) end
redis.call('HSET', SESSIONS, id, session_json(description, now, until_ms, now))
redis.call('SET', place_key(index), id)
redis.call('ZADD', SESSIONS_EXPIRY, until_ms, id)
redis.call('ZADD', SESSIONS_INDEX, 0, id)
redis.call('ZADD', sessions, until_ms, id)
redis.call('SADD', stream_sessions_key(asked.streamId), id)
tell_session('session_started', id, asked, now)
return { 'granted', id, session and active or active + 1, limit, session and current or '', json or '' }
