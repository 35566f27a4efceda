-- Renews sessions.
-- KEYS[1]  prefix
-- ARGV[1]  what a renewal lasts, ms
-- ARGV[2]  one that lasts so much longer is not renewed yet, ms
-- ARGV[3]  lease of a node, ms
-- ARGV[4]  the node that serves them: how the JSON of its sessions begins
-- ARGV[5…] id and index (user:place) of each, in turn
-- returns  a letter for each: o renewed, r replaced, e ended by an operator, u unknown
-- @include clock
-- @include listening
-- @include sessions
local now = now_ms()
local heard = listening(now, tonumber(ARGV[3]))
local until_ms, again_below = heard + tonumber(ARGV[1]), heard + tonumber(ARGV[2])
local node, active, renewed = ARGV[4], stamp(now), stamps(until_ms, now)

local function why_gone(id, index)
  for _, ending in ipairs(endings_of(index)) do
    if ending[1] == id and ending[5] > now - ENDINGS_MS then return ending[4] == 'ended' and 'e' or 'r' end
  end
  local other = redis.call('GET', place_key(index))
  local other_until = other and redis.call('ZSCORE', SESSIONS_EXPIRY, other)
  return other_until and tonumber(other_until) > heard and 'r' or 'u'
end

-- A call out of the script costs more than what it does: one for all of them, where there is one.
local ids, answers, written, moved = {}, {}, {}, {}
for i = 5, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local found = #ids > 0 and redis.call('HMGET', SESSIONS, unpack(ids)) or {}
for n, id in ipairs(ids) do
  local json, index = found[n], ARGV[3 + 2 * n + 1]
  if json then
    if string.sub(json, 1, #node) ~= node then json = node .. string.sub(json, string.find(json, '"index":"', 1, true), -1) end
    written[#written + 1] = id
    if tonumber(string.sub(json, UNTIL_FROM, UNTIL_TO)) > again_below then
      written[#written + 1] = string.sub(json, 1, ACTIVE_FROM - 1) .. active
    else
      written[#written + 1] = string.sub(json, 1, UNTIL_FROM - 1) .. renewed
      moved[#moved + 1] = until_ms
      moved[#moved + 1] = id
      redis.call('ZADD', user_sessions_key(index), 'XX', until_ms, id)
    end
    answers[n] = 'o'
  else
    answers[n] = why_gone(id, index)
  end
end
if #written > 0 then redis.call('HSET', SESSIONS, unpack(written)) end
if #moved > 0 then redis.call('ZADD', SESSIONS_EXPIRY, unpack(moved)) end
return table.concat(answers)
