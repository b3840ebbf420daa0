-- Takes the server itself out. ARGV: its address, its boot id.
-- 1: done; 0: the address is another's.
local servers, alive, set, sparks, boot, rival = unpack(KEYS)
local address, id = unpack(ARGV)
local holder = text(boot)
if holder and holder ~= id then return 0 end
clear(set, sparks, address)
redis.call('DEL', alive, boot, rival)
redis.call('SREM', servers, address)
return 1
