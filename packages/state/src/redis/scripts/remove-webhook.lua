-- Removes a webhook with its dead letters.
-- KEYS[1]  prefix
-- ARGV[1]  webhook id
-- returns  1, or 0 if there is none
-- @include webhooks
local letters = redis.call('HGETALL', LETTERS)
for i = 1, #letters, 2 do
  if cjson.decode(letters[i + 1])[1].webhookId == ARGV[1] then drop_letter(letters[i]) end
end
return redis.call('HDEL', WEBHOOKS, ARGV[1])
