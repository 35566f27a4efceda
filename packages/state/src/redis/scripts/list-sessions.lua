-- One page of sessions, in the order of their ids.
-- KEYS[1]  prefix
-- ARGV[1]  a user, escaped, with a colon behind it; or '' for all
-- ARGV[2]  stream id, or '' for all
-- ARGV[3]  id that the page comes after, or ''
-- ARGV[4]  most of them
-- ARGV[5]  lease of a node, ms
-- returns  { id, JSON, id, JSON, … }
-- @include clock
-- @include listening
-- @include sessions
local user, stream, after, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local heard = listening(now_ms(), tonumber(ARGV[5]))
local page = {}

local function add(id)
  local until_ms = redis.call('ZSCORE', SESSIONS_EXPIRY, id)
  if not until_ms or tonumber(until_ms) <= heard then return end
  local json = redis.call('HGET', SESSIONS, id)
  if stream ~= '' and user ~= '' and cjson.decode(json).streamId ~= stream then return end
  page[#page + 1] = id
  page[#page + 1] = json
end

local function add_in_order(ids)
  table.sort(ids)
  for _, id in ipairs(ids) do
    if id > after then add(id) end
    if #page == most * 2 then return end
  end
end

if user ~= '' then
  add_in_order(redis.call('ZRANGE', user_sessions_key(user), 0, -1))
elseif stream ~= '' then
  add_in_order(redis.call('SMEMBERS', stream_sessions_key(stream)))
else
  local from = after == '' and '-' or '(' .. after
  while #page < most * 2 do
    local ids = redis.call('ZRANGEBYLEX', SESSIONS_INDEX, from, '+', 'LIMIT', 0, most)
    for _, id in ipairs(ids) do
      if #page < most * 2 then add(id) end
    end
    if #ids < most then break end
    from = '(' .. ids[#ids]
  end
end
return page
