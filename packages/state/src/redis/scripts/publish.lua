-- Appends one event.
-- KEYS[1]  prefix
-- ARGV[1]  type
-- ARGV[2]  stream id
-- ARGV[3]  data, JSON
-- returns  1
-- @include clock
-- @include events
add_event(ARGV[1], ARGV[2], ARGV[3], now_ms())
return 1
