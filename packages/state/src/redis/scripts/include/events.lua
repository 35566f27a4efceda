-- @include keys
-- @include iso_time
-- Appends one event; `data` is JSON. The newest 10,000 are kept.
local function add_event(kind, stream, data, now)
  redis.call('XADD', EVENTS, 'MAXLEN', '=', 10000, '*', 'type', kind, 'stream_id', stream, 'at', iso(now), 'data', data)
end
