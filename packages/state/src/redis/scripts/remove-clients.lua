-- Removes viewers.
-- KEYS[1]  prefix
-- ARGV[1]  id of the node that must still hold them, or '' for whoever does
-- ARGV[2]  lease in ms if only those that have expired are to go, else ''
-- ARGV[3]  JSON [ [stream id, client id], … ]
-- returns  how many were removed
-- @include clock
-- @include listening
-- @include clients
local node, lease_ms = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local heard = lease_ms and listening(now, lease_ms)
local viewers = {}
for _, pair in ipairs(cjson.decode(ARGV[3])) do
  local stream, client = pair[1], pair[2]
  local expires = redis.call('ZSCORE', CLIENTS_EXPIRY, stream .. ':' .. client)
  local spared = heard and expires and tonumber(expires) > heard
  local holder = redis.call('HGET', client_key(stream, client), 'node')
  if node ~= '' and holder ~= node then spared = true end
  if not spared then viewers[#viewers + 1] = { stream, client, holder } end
end
if heard then note_losses(viewers, now) end
return remove_clients(viewers)
