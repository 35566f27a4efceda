-- Takes what a node has found out about sources, and tells it what has changed and how those are that it spoke of.
-- KEYS[1]  prefix
-- ARGV[1]  node
-- ARGV[2]  reports, JSON: { { key, kind, beganAgoMs, cooldown (optional): { firstMs, mostMs, share } }, … }
-- ARGV[3]  changes since then are told, ms
-- ARGV[4]  how long the right to find out lasts, ms
-- ARGV[5]  how long a source that nothing is said of is remembered, ms
-- ARGV[6]  the most sources that are told
-- returns  { now, { { key, failures, 1 if open else 0, wait ms, node that finds out or '', ms others wait for it }, … } }
-- @include clock
-- @include keys
local node, since, probe_ms = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local memory_ms, most, now = tonumber(ARGV[5]), tonumber(ARGV[6]), now_ms()
local SOURCES = P .. 'sources'
local function source_key(key) return P .. 'source:' .. key end

-- Hashes that nobody looks at again expire by themselves.
for _, key in ipairs(redis.call('ZRANGEBYSCORE', SOURCES, '-inf', now - memory_ms, 'LIMIT', 0, most)) do
  redis.call('UNLINK', source_key(key))
  redis.call('ZREM', SOURCES, key)
end

local function read(key)
  local row = redis.call('HMGET', source_key(key), 'failures', 'state', 'opened_ms', 'until_ms', 'probe', 'probe_until_ms')
  if not row[1] then return nil end
  return {
    failures = tonumber(row[1]), open = row[2] == 'open', opened = tonumber(row[3]), till = tonumber(row[4]),
    probe = row[5], probe_till = tonumber(row[6]),
  }
end

local function take(report)
  local key, kind, cooldown = report.key, report.kind, report.cooldown
  local it = read(key)
  if not it then
    if kind ~= 'failed' then return end
    it = { failures = 0, open = false, opened = 0, till = 0, probe = '', probe_till = 0 }
  end
  if kind == 'probe' then
    if not it.open or it.till > now or (it.probe ~= node and it.probe_till > now) then return end
    it.probe, it.probe_till = node, now + probe_ms
  elseif kind ~= 'dropped' or it.probe == node then
    it.probe, it.probe_till = '', 0
  end
  if kind == 'played' or kind == 'stable' then it.open = false end
  if kind == 'stable' then it.failures = 0 end
  if kind == 'failed' and cooldown and (it.failures == 0 or now - report.beganAgoMs >= it.opened) then
    it.failures = it.failures + 1
    it.open, it.opened = true, now
    local full = math.min(cooldown.mostMs, cooldown.firstMs * 2 ^ math.min(30, it.failures - 1))
    it.till = now + math.floor(full * cooldown.share + 0.5)
  end
  redis.call('HSET', source_key(key), 'failures', it.failures, 'state', it.open and 'open' or 'closed',
    'opened_ms', it.opened, 'until_ms', it.till, 'probe', it.probe, 'probe_until_ms', it.probe_till)
  redis.call('PEXPIRE', source_key(key), memory_ms)
  redis.call('ZADD', SOURCES, now, key)
end

local reports = cjson.decode(ARGV[2])
for _, report in ipairs(reports) do take(report) end

redis.call('PEXPIRE', SOURCES, memory_ms)

local told, seen = {}, {}
local function tell(key)
  local it = not seen[key] and read(key)
  seen[key] = true
  if it then
    local probe_left = math.max(0, it.probe_till - now)
    told[#told + 1] = { key, it.failures, it.open and 1 or 0, math.max(0, it.till - now),
      probe_left > 0 and it.probe or '', probe_left }
  end
end
for _, key in ipairs(redis.call('ZREVRANGEBYSCORE', SOURCES, '+inf', since, 'LIMIT', 0, most)) do tell(key) end
for _, report in ipairs(reports) do tell(report.key) end
return { now, told }
