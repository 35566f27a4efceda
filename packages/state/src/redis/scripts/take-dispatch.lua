-- Takes or renews the right to hand events to webhooks.
-- KEYS[1]  prefix
-- ARGV[1]  who asks: a life of a process
-- ARGV[2]  lease, ms
-- ARGV[3]  the id of the last event that was handed on, or ''; believed of whom the right belongs to
-- returns  { 1 if granted else 0, the id of the last event that was handed on or '' }
-- @include clock
-- @include webhooks
if redis.call('EXISTS', WEBHOOKS) == 0 then return { 0, '' } end
local now = now_ms()
local row = redis.call('HMGET', DISPATCH, 'holder', 'until_ms', 'reached')
if row[1] and row[1] ~= ARGV[1] and tonumber(row[2]) > now then return { 0, '' } end
local reached = row[3] or ''
if row[1] == ARGV[1] and ARGV[3] ~= '' then reached = ARGV[3] end
redis.call('HSET', DISPATCH, 'holder', ARGV[1], 'until_ms', now + tonumber(ARGV[2]), 'reached', reached)
return { 1, reached }
