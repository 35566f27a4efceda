-- @include keys
-- The record of a worker as a table, or nil.
local function worker_record(id)
  local json = redis.call('HGET', WORKERS, id)
  return json and cjson.decode(json) or nil
end

local function put_worker(id, record)
  redis.call('HSET', WORKERS, id, cjson.encode(record))
end

-- Draining when the worker says so or an operator wants it; a worker that drains by itself cannot be told not to.
local function show_status(record)
  local draining = record.saidStatus == 'draining' or record.wantedStatus == 'draining'
  record.status = draining and 'draining' or 'ready'
end

-- A worker that has not been heard for a lease, while others were, is dead. One that never beat is known by its leases alone.
local function is_silent(id, heard, lease_ms)
  local heartbeat = redis.call('ZSCORE', HEARTBEATS, id)
  return heartbeat and tonumber(heartbeat) + lease_ms <= heard
end
