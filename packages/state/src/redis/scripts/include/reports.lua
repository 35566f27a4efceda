-- @include listening
-- @include ownership
-- Takes one report of an owner: a table with id, epoch, set (field, value, …), clear (field, …), lastAccessMs (optional).
-- `worker` and `host` are '' for a report outside a beat, which cannot adopt.
-- Returns 'written', 'missing' or 'stale' (then also the owner and the epoch of the store).
local function take_report(report, worker, host, now, lease_ms)
  local stream, key = report.id, stream_key(report.id)
  local row = redis.call('HMGET', key, 'owner', 'epoch', 'host')
  if not row[2] then return 'missing' end
  local owner, epoch = row[1], tonumber(row[2])
  -- The store was emptied or set back while the owner went on: what the owner remembers is the newer truth.
  if worker ~= '' and report.epoch > epoch then
    give(stream, key, owner, worker, host, report.epoch, now, lease_ms)
  elseif owner == '' or report.epoch ~= epoch or (worker ~= '' and worker ~= owner) then
    return 'stale', owner, epoch
  end
  for i = 1, #report.set, 2 do
    if report.set[i] == 'ffmpeg_pid' then
      redis.call('HDEL', orphans_key(worker ~= '' and host or row[3]), report.set[i + 1])
    end
  end
  if #report.set > 0 then redis.call('HSET', key, unpack(report.set)) end
  if #report.clear > 0 then redis.call('HDEL', key, unpack(report.clear)) end
  if report.lastAccessMs then touch_stream(stream, key, math.min(report.lastAccessMs, now)) end
  renew(stream, listening(now, lease_ms), lease_ms)
  return 'written'
end
