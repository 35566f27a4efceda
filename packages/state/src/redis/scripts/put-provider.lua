-- Keeps a provider, unless that would replace what somebody said through the API by what a setting says.
-- KEYS[1]  prefix
-- ARGV[1]  provider id
-- ARGV[2]  the provider, JSON
-- ARGV[3]  '1' if one that is there is to be left as it is
-- returns  1 if it was kept, else 0
-- @include slots
local known = redis.call('HGET', PROVIDERS, ARGV[1])
if known and ARGV[3] == '1' then return 0 end
if known and cjson.decode(known).origin == 'api' and cjson.decode(ARGV[2]).origin ~= 'api' then return 0 end
redis.call('HSET', PROVIDERS, ARGV[1], ARGV[2])
return 1
