-- One beat of a node but for its viewers, which follow in steps (touch-clients, farewell-clients) of the same round trip.
-- KEYS[1]  prefix
-- ARGV[1]  JSON { worker, process, streams: [report, …], follows: [[stream id, epoch], …],
--                 events: [[type, stream id, data as JSON], or of a viewer also client id, what it does (came, went,
--                 moves; closed: of one with a socket), visit, …], timeline: [see include/timeline.lua, …] }
-- ARGV[2]  lease, ms
-- ARGV[3]  a name for this life of the data, used if it has none yet
-- returns  { now, generation, status, { missing stream id, … }, { { stream id, owner, epoch } of a stale report, … },
--            { { stream id, owner, epoch } of a followed stream that has moved on, … } }
-- errors   WORKER_ID_TAKEN
-- @include clock
-- @include listening
-- @include reports
-- @include clients
-- @include timeline
local beat, lease_ms, now = cjson.decode(ARGV[1]), tonumber(ARGV[2]), now_ms()
local heard = hear(now, lease_ms)
local worker = beat.worker
local id = worker.id
local before = worker_record(id)
worker.process = beat.process
if before and before.process ~= beat.process then
  if before.replacedProcess == beat.process then
    return refusal('WORKER_ID_TAKEN', { workerId = id, host = before.host, pid = before.pid })
  end
  -- A successor starts without what its predecessor owned and held, and without the orders that one had. What is more
  -- than one step takes expires by itself: nobody renews it.
  take_away_all(id, now)
  remove_clients_of(id, 1000, now, heard, lease_ms)
  redis.call('DEL', worker_clients_key(id))
  worker.replacedProcess = before.process
elseif before then
  worker.replacedProcess = before.replacedProcess
  worker.wantedStatus = before.wantedStatus
end
worker.saidStatus = worker.status
show_status(worker)
worker.heartbeatMs = now
put_worker(id, worker)
redis.call('ZADD', HEARTBEATS, heard, id)

local missing, stale = {}, {}
for _, report in ipairs(beat.streams) do
  local outcome, owner, epoch = take_report(report, id, worker.host, now, lease_ms)
  if outcome == 'missing' then missing[#missing + 1] = report.id end
  if outcome == 'stale' then stale[#stale + 1] = { report.id, owner, epoch } end
end
local moved = {}
for _, follow in ipairs(beat.follows) do
  local row = redis.call('HMGET', stream_key(follow[1]), 'owner', 'epoch')
  if row[1] and row[1] ~= '' and tonumber(row[2]) > follow[2] then
    moved[#moved + 1] = { follow[1], row[1], tonumber(row[2]) }
  end
end
for _, event in ipairs(beat.events) do
  local kind, stream, data, client, does, visit = unpack(event)
  if not client then add_event(kind, stream, data, now)
  elseif does == 'closed' then
    if not was_told_lost(stream, client, beat.process) then add_event(kind, stream, data, now) end
  elseif does == 'came' then came(stream, client, id, visit, data, now, lease_ms)
  else went(stream, client, id, does == 'moves', data, now, heard, lease_ms) end
end
for _, entry in ipairs(beat.timeline) do keep_entry(entry, now) end
redis.call('HSETNX', META, 'generation', ARGV[3])
return { now, redis.call('HGET', META, 'generation'), worker.status, missing, stale, moved }
