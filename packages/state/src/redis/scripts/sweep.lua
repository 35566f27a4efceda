-- What has expired, as far as one look goes. Reads indexes by expiry only: its cost follows what expired.
-- KEYS[1]  prefix
-- ARGV[1]  lease, ms
-- ARGV[2]  most dead workers
-- ARGV[3]  most orphaned streams
-- ARGV[4]  most expired viewers
-- returns  { now, { worker as JSON, … }, { { stream id, owner, epoch, viewers, host, ffmpeg_pid, ffmpeg_start_ticks }, … },
--            { stream id:client id of an expired viewer, … } }
-- @include clock
-- @include listening
local lease_ms, now = tonumber(ARGV[1]), now_ms()
local heard = listening(now, lease_ms)
local most_orphans = tonumber(ARGV[3])
local dead, orphans, seen = {}, {}, {}

local function add_orphan(id)
  if seen[id] or #orphans >= most_orphans then return end
  seen[id] = true
  local row = redis.call('HMGET', stream_key(id), 'owner', 'epoch', 'viewers', 'host', 'ffmpeg_pid', 'ffmpeg_start_ticks')
  if row[1] then orphans[#orphans + 1] = { id, row[1], row[2], row[3], row[4], row[5] or '', row[6] or '' } end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', heard, 'LIMIT', 0, most_orphans)) do add_orphan(id) end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', HEARTBEATS, '-inf', heard - lease_ms, 'LIMIT', 0, ARGV[2])) do
  dead[#dead + 1] = redis.call('HGET', WORKERS, id)
  if #orphans < most_orphans then
    for _, stream in ipairs(redis.call('SMEMBERS', worker_streams_key(id))) do add_orphan(stream) end
  end
end
local clients = redis.call('ZRANGEBYSCORE', CLIENTS_EXPIRY, '-inf', heard, 'LIMIT', 0, ARGV[4])
return { now, dead, orphans, clients }
