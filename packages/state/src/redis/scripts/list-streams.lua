-- One page of streams by last access, newest first; those of the same instant by id, backwards.
-- KEYS[1]  prefix
-- ARGV[1]  how many
-- ARGV[2]  last access of the stream that the page before ended with, ms; '' for the first page
-- ARGV[3]  id of that stream
-- returns  { { id, last access, hash of the stream as JSON: [field, value, …] }, … }: a client reads one text much faster than thirty
-- @include keys
local limit, start = tonumber(ARGV[1]), 0
local after_ms, after_id = tonumber(ARGV[2]), ARGV[3]
if after_ms then
  if tonumber(redis.call('ZSCORE', STREAMS, after_id)) == after_ms then
    start = redis.call('ZREVRANK', STREAMS, after_id) + 1
  else
    -- It has been accessed since, or is gone: on from where it was.
    start = redis.call('ZCOUNT', STREAMS, '(' .. ARGV[2], '+inf')
    while true do
      local next = redis.call('ZREVRANGE', STREAMS, start, start, 'WITHSCORES')
      if not next[1] or tonumber(next[2]) < after_ms or next[1] < after_id then break end
      start = start + 1
    end
  end
end
local page = {}
local found = redis.call('ZREVRANGE', STREAMS, start, start + limit - 1, 'WITHSCORES')
for i = 1, #found, 2 do
  page[#page + 1] = { found[i], found[i + 1], cjson.encode(redis.call('HGETALL', stream_key(found[i]))) }
end
return page
