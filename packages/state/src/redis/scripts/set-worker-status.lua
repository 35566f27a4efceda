-- Keeps what an operator wants of a worker, and shows it.
-- KEYS[1]  prefix
-- ARGV[1]  worker id
-- ARGV[2]  'ready' or 'draining'
-- returns  1, or 0 if there is no such worker
-- @include workers
local record = worker_record(ARGV[1])
if not record then return 0 end
record.wantedStatus = ARGV[2]
show_status(record)
put_worker(ARGV[1], record)
return 1
