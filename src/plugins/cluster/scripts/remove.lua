-- Takes away what a server has left in its rooms.
-- KEYS: its sign of life, the names of its rooms, which process has its address.
-- ARGV: what the keys of its rooms begin with, and the process that ends; '' for a server
-- that was found dead.
-- The number of rooms; -1: the server lives, or the address is another process's.
local alive, rooms, boot = unpack(KEYS)
local prefix, id = unpack(ARGV)
local holder = redis.call('TYPE', boot).ok == 'string' and redis.call('GET', boot)
if id == '' then
  if holder or redis.call('EXISTS', alive) == 1 then return -1 end
elseif holder and holder ~= id then
  return -1
end
local names = {}
if redis.call('TYPE', rooms).ok == 'set' then
  names = redis.call('SMEMBERS', rooms)
end
for _, room in ipairs(names) do
  redis.call('DEL', prefix .. room)
end
redis.call('DEL', rooms)
return #names
