-- Removes a dead letter.
-- KEYS[1]  prefix
-- ARGV[1]  delivery id
-- returns  1, or 0 if there is none
-- @include webhooks
return drop_letter(ARGV[1])
