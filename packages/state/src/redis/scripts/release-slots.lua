-- Gives slots back.
-- KEYS[1]  prefix
-- ARGV[1]  JSON [ [provider id, lease], … ]
-- ARGV[2]  lease of a node, ms
-- returns  0
-- @include clock
-- @include listening
-- @include slots
local now = now_ms()
local heard = listening(now, tonumber(ARGV[2]))
for _, slot in ipairs(cjson.decode(ARGV[1])) do
  forget_heir(slot[1], slot[2])
  give_back(slot[1], slot[2], heard, now)
end
return 0
