-- Keeps what could not be delivered; of more than 1,000 the newest stay.
-- KEYS[1]  prefix
-- ARGV[1]  delivery id
-- ARGV[2]  the letter without its time, JSON
-- returns  1
-- @include clock
-- @include webhooks
local now = now_ms()
redis.call('HSET', LETTERS, ARGV[1], '[' .. ARGV[2] .. ',' .. string.format('%d', now) .. ']')
redis.call('ZADD', LETTERS_BY_AGE, now, ARGV[1])
for _, id in ipairs(redis.call('ZRANGE', LETTERS_BY_AGE, 0, -MOST_LETTERS - 1)) do drop_letter(id) end
return 1
