-- Slots of a provider that are taken.
-- KEYS[1]  prefix
-- ARGV[1]  provider id
-- ARGV[2]  lease of a node, ms
-- returns  { { lease, holder as JSON, the lease it is promised to or '' }, … }
-- @include clock
-- @include listening
-- @include slots
return slot_rows(ARGV[1], listening(now_ms(), tonumber(ARGV[2])))
