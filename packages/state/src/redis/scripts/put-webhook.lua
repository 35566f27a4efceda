-- Keeps a webhook; one that is there keeps its time of creation.
-- KEYS[1]  prefix
-- ARGV[1]  webhook id
-- ARGV[2]  the webhook without its time of creation, JSON
-- returns  when it was created, ms since the epoch
-- @include clock
-- @include webhooks
local known = redis.call('HGET', WEBHOOKS, ARGV[1])
local created_ms = known and cjson.decode(known)[2] or now_ms()
-- The record stays the text that it came as: decoding would make empty lists into empty objects.
redis.call('HSET', WEBHOOKS, ARGV[1], '[' .. ARGV[2] .. ',' .. string.format('%d', created_ms) .. ']')
return created_ms
