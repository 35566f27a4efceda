-- Removes sessions that have expired. Reads them by expiry: its cost follows what expired.
-- KEYS[1]  prefix
-- ARGV[1]  lease of a node, ms
-- ARGV[2]  most of them
-- returns  how many there were
-- @include clock
-- @include listening
-- @include sessions
local now = now_ms()
return drop_expired_sessions(SESSIONS_EXPIRY, listening(now, tonumber(ARGV[1])), ARGV[2], now)
