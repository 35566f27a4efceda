-- Lets others hand events to webhooks at once.
-- KEYS[1]  prefix
-- ARGV[1]  who leaves; what somebody else has stays
-- returns  1 if it was the caller's, else 0
-- @include webhooks
if redis.call('HGET', DISPATCH, 'holder') ~= ARGV[1] then return 0 end
redis.call('HSET', DISPATCH, 'holder', '', 'until_ms', 0)
return 1
