-- The store's clock: Redis TIME, whole ms since the epoch. No host's clock ever decides about expiry.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
