-- Takes a server out that gives no sign of life. ARGV: its address.
-- 1: done; 2: it was not in the registry any more; 0: it lives.
local servers, alive, set, sparks, boot, rival = unpack(KEYS)
local address = ARGV[1]
if redis.call('EXISTS', alive) == 1 then return 0 end
clear(set, sparks, address)
redis.call('DEL', boot, rival)
if redis.call('SREM', servers, address) == 1 then return 1 end
return 2
