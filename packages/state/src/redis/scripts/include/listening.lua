-- @include keys
-- The clock that expiry goes by: the store's own, but it stands still while nobody at all is heard. When no beat of any
-- node arrives, it is the store that is away (or everybody's way to it), and silence says nothing of anybody.
-- Of a gap between two beats a quarter of the lease counts (see `countedGapMs`); the rest is taken off for good.
local function listening(now, lease_ms)
  local row = redis.call('HMGET', META, 'last_beat_ms', 'unheard_ms')
  local gap = row[1] and now - tonumber(row[1]) or 0
  return now - tonumber(row[2] or 0) - math.max(0, gap - math.floor(lease_ms / 4))
end

-- A beat has arrived. Returns the time by that clock.
local function hear(now, lease_ms)
  local heard = listening(now, lease_ms)
  redis.call('HSET', META, 'last_beat_ms', now, 'unheard_ms', now - heard)
  return heard
end
