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
local viewers, losses = {}, {}
for _, pair in ipairs(cjson.decode(ARGV[3])) do
  local stream, client = pair[1], pair[2]
  local expires = redis.call('ZSCORE', CLIENTS_EXPIRY, stream .. ':' .. client)
  local spared = heard and expires and tonumber(expires) > heard
  local holder = redis.call('HGET', client_key(stream, client), 'node')
  local nodes, about = read_presence(presence_key(stream, client))
  if spared then
    -- Somebody spoke of it.
  elseif node ~= '' then
    nodes[node] = nil
    local other = next(nodes)
    if holder == node then
      if other then redis.call('HSET', client_key(stream, client), 'node', other) end
      spared = other or about.said
    else
      -- Another node's by now, unless that one was not heard when the viewer was told to have gone.
      spared = other or not about.over
    end
  elseif next(nodes) or about.said then
    -- Its nodes will say when it has gone; of one that none of them has, and of one that none speaks of, nobody else does.
    local said = about.said ~= '' and about.said
    if heard or not next(nodes) then
      end_presence(stream, client, nodes, about, said or lost_data(stream, client, about, now), now)
    end
    holder = false
    if not said then losses[#losses + 1] = { stream, client, told = true } end
  else
    losses[#losses + 1] = { stream, client }
  end
  if not spared then viewers[#viewers + 1] = { stream, client, holder } end
end
if heard then note_losses(losses, now) end
return remove_clients(viewers)
