-- @include keys
-- @include listening
-- @include iso_time
-- @include events
-- @include timeline
-- @include workers
-- What an earlier owner measured is not true of the next one's FFmpeg.
local function forget_process(key)
  redis.call('HDEL', key, 'ffmpeg_pid', 'ffmpeg_start_ticks', 'bitrate', 'fps', 'speed')
end

-- `heard`, here and below: the time by the clock that expiry goes by (listening.lua).
local function renew(stream, heard, lease_ms)
  redis.call('ZADD', LEASES, heard + lease_ms, stream)
end

local function touch_stream(stream, key, ms)
  redis.call('ZADD', STREAMS, ms, stream)
  redis.call('HSET', key, 'last_access', iso(ms))
end

-- Ends an ownership; epochs go on from where they are.
local function disown(stream, key, owner)
  local state = redis.call('HGET', key, 'state')
  if state ~= 'stopped' and state ~= 'failed' then state = 'idle' end
  redis.call('HSET', key, 'owner', '', 'host', '', 'state', state)
  forget_process(key)
  redis.call('ZREM', LEASES, stream)
  redis.call('SREM', worker_streams_key(owner), stream)
end

-- Ends an ownership in its owner's absence: its FFmpeg, if any, is put on the list of its host, for a day.
local function take_away(stream, key, owner, now)
  local row = redis.call('HMGET', key, 'ffmpeg_pid', 'ffmpeg_start_ticks', 'host')
  if row[1] then
    local orphan = { pid = tonumber(row[1]), streamId = stream, owner = owner, sinceMs = now }
    if row[2] then orphan.startTicks = tonumber(row[2]) end
    local worker = worker_record(owner)
    if worker then orphan.ownerPid = worker.pid end
    redis.call('HSET', orphans_key(row[3]), row[1], cjson.encode(orphan))
    redis.call('PEXPIRE', orphans_key(row[3]), 86400000)
  end
  disown(stream, key, owner)
end

local function take_away_all(owner, now)
  for _, stream in ipairs(redis.call('SMEMBERS', worker_streams_key(owner))) do
    take_away(stream, stream_key(stream), owner, now)
  end
end

-- Makes `worker` the owner under `epoch`.
local function give(stream, key, former, worker, host, epoch, now, lease_ms)
  if former ~= '' and former ~= worker then
    take_away(stream, key, former, now)
    local data = { from = former, to = worker, epoch = epoch }
    add_event('owner_changed', stream, cjson.encode(data), now)
    local fold = string.sub(redis.sha1hex('owner_changed||||||||' .. worker), 1, 12)
    local entry = { type = 'owner_changed', streamId = stream, node = worker, fold = fold, foldMs = 60000, data = data }
    entry.atMs, entry.lastMs, entry.count = now, now, 1
    keep_entry(entry, now)
  end
  redis.call('HSET', key, 'owner', worker, 'host', host, 'epoch', epoch, 'state', 'starting')
  forget_process(key)
  redis.call('SADD', worker_streams_key(worker), stream)
  renew(stream, listening(now, lease_ms), lease_ms)
  local accessed = tonumber(redis.call('ZSCORE', STREAMS, stream) or 0)
  touch_stream(stream, key, math.max(accessed, now))
end

-- True while the owner is alive and has renewed its lease.
local function is_held(stream, owner, heard, lease_ms)
  if owner == '' then return false end
  local lease = redis.call('ZSCORE', LEASES, stream)
  if not lease or tonumber(lease) <= heard then return false end
  return not is_silent(owner, heard, lease_ms)
end

-- An error reply that names its code and its particulars; see errors.ts.
local function refusal(code, info)
  return redis.error_reply(code .. ' ' .. cjson.encode(info))
end
