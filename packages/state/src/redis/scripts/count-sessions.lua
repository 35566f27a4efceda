-- How many sessions a user has.
-- KEYS[1]  prefix
-- ARGV[1]  the user, escaped, with a colon behind it
-- ARGV[2]  lease of a node, ms
-- returns  how many have not expired
-- @include clock
-- @include listening
-- @include sessions
return redis.call('ZCOUNT', user_sessions_key(ARGV[1]), '(' .. listening(now_ms(), tonumber(ARGV[2])), '+inf')
