-- Puts a server into the registry. The sparks of another that had the address go; those
-- of this very process stay, for it tells which of them are still there.
-- ARGV: address, boot id, interval, now, and '1' if it takes the address from another.
-- 1: done; 0: the address is another's.
local servers, alive, set, sparks, boot, rival = unpack(KEYS)
local address, id, interval, now, takes = unpack(ARGV)
local holder = text(boot)
if holder and holder ~= id and takes ~= '1' then
  redis.call('PSETEX', rival, interval, id)
  return 0
end
redis.call('SADD', servers, address)
live(alive, boot, id, interval, now)
if takes == '1' and holder ~= id then
  clear(set, sparks, address)
elseif kind(set) ~= 'set' then
  redis.call('DEL', set)
end
return 1
