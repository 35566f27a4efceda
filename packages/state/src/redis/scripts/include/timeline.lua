-- @include keys
-- What is kept of an hour; the budgets of src/timeline/fold.ts.
local TIMELINE_MS, LOOK_BACK = 3600000, 16
local SUMMED = { skips = true, bytesSkipped = true, bytes = true }
local MOST = { stream = 200, viewers = 128 }

-- Viewers share a few thousand lists, found by a hash of their ids: none costs a key of its own.
local function timeline_key(stream, client)
  if not client then return P .. 'stream:' .. stream .. ':timeline' end
  return P .. 'timeline:viewers:' .. string.sub(redis.sha1hex(client), 1, 3)
end

local function merge_data(earlier, later)
  for name, value in pairs(later) do
    local before = earlier[name]
    if type(before) == 'number' and type(value) == 'number' then
      if SUMMED[name] then value = before + value
      elseif string.sub(name, -2) == 'Ms' then value = math.max(before, value) end
    end
    earlier[name] = value
  end
end

-- Keeps an entry: { streamId, clientId (optional), type, node, atMs, lastMs, count, data, fold, foldMs }. The same again
-- (by `fold`, hex digits) within `foldMs` becomes one with what is there; 0: nothing is the same.
local function keep_entry(entry, now)
  local key, fold_ms = timeline_key(entry.streamId, entry.clientId), entry.foldMs
  entry.foldMs = nil
  entry.atMs, entry.lastMs = math.min(entry.atMs, now), math.min(entry.lastMs, now)
  redis.call('PEXPIRE', key, TIMELINE_MS)
  local newest = fold_ms > 0 and redis.call('LRANGE', key, -LOOK_BACK, -1) or {}
  -- As text first: most of them are other viewers', and decoding them all would cost ten times as much.
  local mark = '"fold":"' .. entry.fold .. '"'
  for i = #newest, 1, -1 do
    local before = string.find(newest[i], mark, 1, true) and cjson.decode(newest[i])
    if before and before.streamId == entry.streamId and math.abs(entry.atMs - before.atMs) < fold_ms then
      if before.node ~= entry.node then before.node = '' end
      before.atMs, before.lastMs = math.min(before.atMs, entry.atMs), math.max(before.lastMs, entry.lastMs)
      before.count = before.count + entry.count
      merge_data(before.data, entry.data)
      redis.call('LSET', key, i - 1 - #newest, cjson.encode(before))
      return
    end
  end
  local length = redis.call('RPUSH', key, cjson.encode(entry))
  if length == 1 then redis.call('PEXPIRE', key, TIMELINE_MS) end
  redis.call('LTRIM', key, -(entry.clientId and MOST.viewers or MOST.stream), -1)
  for _ = 1, 4 do
    local oldest = redis.call('LINDEX', key, 0)
    if not oldest or cjson.decode(oldest).lastMs >= now - TIMELINE_MS then break end
    redis.call('LPOP', key)
  end
end
