-- Names of keys. KEYS[1] is the prefix of all of them. Ids are known only while a script runs (a worker's streams, a
-- stream's viewers), so keys are made here instead of being declared: one Redis with replicas, not Redis Cluster.
local P = KEYS[1]
local META = P .. 'meta'
local STREAMS = P .. 'streams'
local LEASES = P .. 'leases'
local WORKERS = P .. 'workers'
local HEARTBEATS = P .. 'workers:heartbeat'
local CLIENTS_EXPIRY = P .. 'clients:expiry'
local CLIENTS_INDEX = P .. 'clients:index'
local EVENTS = P .. 'events'
local function stream_key(id) return P .. 'stream:' .. id end
local function definition_key(id) return P .. 'definition:' .. id end
local function stream_clients_key(id) return P .. 'stream:' .. id .. ':clients' end
local function client_key(stream, client) return P .. 'client:' .. stream .. ':' .. client end
local function presence_key(stream, client) return P .. 'presence:' .. stream .. ':' .. client end
local function lost_key(stream, client) return P .. 'lost:' .. stream .. ':' .. client end
local function worker_streams_key(id) return P .. 'worker:' .. id .. ':streams' end
local function worker_clients_key(id) return P .. 'worker:' .. id .. ':clients' end
local function orphans_key(host) return P .. 'host:' .. host .. ':orphans' end
local function metadata_key(name) return P .. 'metadata:' .. name end
