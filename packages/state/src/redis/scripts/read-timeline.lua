-- What happened to a stream, or to viewers that share a list with one, in the last hour.
-- KEYS[1]  prefix
-- ARGV[1]  stream id, or '' for a viewer
-- ARGV[2]  client id, or ''
-- returns  { now, { entry as JSON, … } }, in the order of arrival
-- @include clock
-- @include timeline
local key = ARGV[2] == '' and timeline_key(ARGV[1]) or timeline_key('', ARGV[2])
return { now_ms(), redis.call('LRANGE', key, 0, -1) }
