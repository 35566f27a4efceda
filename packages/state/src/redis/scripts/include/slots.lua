-- @include keys
-- Slots of a provider: leases in a sorted set by their expiry, beside it who holds them and to whom they are promised.
local PROVIDERS = P .. 'providers'
local function slots_key(provider) return P .. 'provider:' .. provider .. ':slots' end
local function holders_key(provider) return P .. 'provider:' .. provider .. ':holders' end
local function promises_key(provider) return P .. 'provider:' .. provider .. ':promises' end

local function drop_slot(provider, lease)
  redis.call('HDEL', holders_key(provider), lease)
  redis.call('HDEL', promises_key(provider), lease)
  return redis.call('ZREM', slots_key(provider), lease) == 1
end

-- `heard`: the time by the clock that expiry goes by (listening.lua).
local function drop_expired(provider, heard)
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', slots_key(provider), '-inf', heard)) do drop_slot(provider, lease) end
end

-- `holder`: a table. What holds a slot already keeps its time of coming.
local function put_slot(provider, lease, holder, until_ms, now)
  local known = redis.call('HGET', holders_key(provider), lease)
  holder.sinceMs = known and cjson.decode(known).sinceMs or now
  redis.call('HSET', holders_key(provider), lease, cjson.encode(holder))
  redis.call('ZADD', slots_key(provider), until_ms, lease)
end

-- The promise of a slot as a table { lease, holder, untilMs }, or nil.
local function promise_of(provider, lease, heard)
  local json = redis.call('HGET', promises_key(provider), lease)
  local promise = json and cjson.decode(json)
  return promise and promise.untilMs > heard and promise or nil
end

-- { { lease, holder as JSON, the lease it is promised to or '' }, … }
local function slot_rows(provider, heard)
  local rows = {}
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', slots_key(provider), '(' .. heard, '+inf')) do
    local promise = promise_of(provider, lease, heard)
    rows[#rows + 1] = { lease, redis.call('HGET', holders_key(provider), lease), promise and promise.lease or '' }
  end
  return rows
end

local function max_of(provider)
  local json = redis.call('HGET', PROVIDERS, provider)
  return json and cjson.decode(json).maxConnections
end

-- Gives a slot back: to nobody, or to whom it is promised (who then has until the end of the promise to come for it).
local function give_back(provider, lease, heard, now)
  local promise = promise_of(provider, lease, heard)
  if not drop_slot(provider, lease) then return end
  local most = max_of(provider)
  if promise and most and redis.call('ZCOUNT', slots_key(provider), '(' .. heard, '+inf') < most then
    put_slot(provider, promise.lease, promise.holder, promise.untilMs, now)
  end
end

-- Nobody waits under this lease any more.
local function forget_heir(provider, lease)
  local promises = redis.call('HGETALL', promises_key(provider))
  for i = 1, #promises, 2 do
    if cjson.decode(promises[i + 1]).lease == lease then redis.call('HDEL', promises_key(provider), promises[i]) end
  end
end
