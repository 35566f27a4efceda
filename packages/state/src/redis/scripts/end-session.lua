-- Ends a session.
-- KEYS[1]  prefix
-- ARGV[1]  session id
-- ARGV[2]  the node that must still serve it, or '' if an operator ends it
-- returns  the session as JSON, or nil
-- @include clock
-- @include sessions
local json = redis.call('HGET', SESSIONS, ARGV[1])
if not json then return nil end
if ARGV[2] ~= '' and cjson.decode(json).node ~= ARGV[2] then return nil end
drop_session(ARGV[1], json, ARGV[2] == '' and 'ended' or 'left', now_ms())
return json
