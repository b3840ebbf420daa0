-- Sparks have come and gone.
-- ARGV: address, boot id, how many have come, the ids of these, then of those that left.
-- 1: done; 0: the address is another's; 2: the server is not in the registry.
local servers, alive, set, sparks, boot = unpack(KEYS)
local address, id, come = ARGV[1], ARGV[2], tonumber(ARGV[3])
local holder = text(boot)
if holder and holder ~= id then return 0 end
if not holder or redis.call('SISMEMBER', servers, address) == 0 then return 2 end
chunks(ARGV, 4, 3 + come, function (part)
  redis.call('SADD', set, unpack(part))
end)
for at = 4, 3 + come, 499 do
  local pairs = {}
  for one = at, math.min(at + 498, 3 + come) do
    pairs[#pairs + 1] = ARGV[one]
    pairs[#pairs + 1] = address
  end
  redis.call('HSET', sparks, unpack(pairs))
end
forget(sparks, address, ARGV, 4 + come, #ARGV)
chunks(ARGV, 4 + come, #ARGV, function (part)
  redis.call('SREM', set, unpack(part))
end)
return 1
