-- A sign of life, and a look at what Redis knows.
-- ARGV: address, boot id, interval, now, the id of a spark that is here, or ''.
-- {1, sparks in the set, where the hash has that spark, the boot id of another who wants
-- the address, all servers}; {0}: the address is another's; {2}: the server is not in the
-- registry.
local servers, alive, set, sparks, boot, rival = unpack(KEYS)
local address, id, interval, now, probe = unpack(ARGV)
local holder = text(boot)
if holder and holder ~= id then
  redis.call('PSETEX', rival, interval, id)
  return {0}
end
live(alive, boot, id, interval, now)
if redis.call('SISMEMBER', servers, address) == 0 then return {2} end
local type, count = kind(set), 0
if type == 'set' then
  count = redis.call('SCARD', set)
elseif type ~= 'none' then
  count = -1
end
local at = probe ~= '' and redis.call('HGET', sparks, probe) or ''
return {1, count, at, text(rival) or '', redis.call('SMEMBERS', servers)}
