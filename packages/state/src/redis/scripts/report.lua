-- Writes what an owner says of one stream, outside a beat.
-- KEYS[1]  prefix
-- ARGV[1]  the report, JSON; see include/reports.lua
-- ARGV[2]  lease, ms
-- returns  1
-- errors   STREAM_NOT_FOUND, STALE_EPOCH
-- @include clock
-- @include reports
local report = cjson.decode(ARGV[1])
local outcome, owner, epoch = take_report(report, '', '', now_ms(), tonumber(ARGV[2]))
if outcome == 'missing' then return refusal('STREAM_NOT_FOUND', { streamId = report.id }) end
if outcome == 'stale' then
  return refusal('STALE_EPOCH', { streamId = report.id, owner = owner, epoch = epoch })
end
return 1
