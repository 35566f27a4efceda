-- @include keys
-- Webhooks hold secrets, as definitions do: nothing shows them as they are. Dead letters do not.
local WEBHOOKS = P .. 'webhooks'
local DISPATCH = P .. 'webhooks:dispatch'
local LETTERS = P .. 'webhooks:dead-letters'
local LETTERS_BY_AGE = P .. 'webhooks:dead-letters:by-age'
local MOST_LETTERS = 1000

local function drop_letter(id)
  redis.call('ZREM', LETTERS_BY_AGE, id)
  return redis.call('HDEL', LETTERS, id)
end
