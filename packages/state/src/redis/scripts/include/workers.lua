-- @include keys
-- The record of a worker as a table, or nil.
local function worker_record(id)
  local json = redis.call('HGET', WORKERS, id)
  return json and cjson.decode(json) or nil
end

-- What an operator who looks at it wants to see first.
local WORKER_FIELDS = { 'id', 'role', 'status', 'host', 'pid', 'url', 'publicUrl', 'metricsUrl', 'ownedStreams', 'capacity', 'encoders',
  'maxEncoders', 'viewers', 'load', 'version', 'heartbeatMs', 'startedAtMs' }

-- JSON as a person would write it: in an order, and slashes as they are.
local function worker_json(record)
  local parts, rest, is_first = {}, {}, {}
  local function add(name)
    if record[name] ~= nil then parts[#parts + 1] = cjson.encode(name) .. ':' .. cjson.encode(record[name]) end
  end
  for _, name in ipairs(WORKER_FIELDS) do
    is_first[name] = true
    add(name)
  end
  for name in pairs(record) do
    if not is_first[name] then rest[#rest + 1] = name end
  end
  table.sort(rest)
  for _, name in ipairs(rest) do add(name) end
  return (('{' .. table.concat(parts, ',') .. '}'):gsub('\\/', '/'))
end

local function put_worker(id, record)
  redis.call('HSET', WORKERS, id, worker_json(record))
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
