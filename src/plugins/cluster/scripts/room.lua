-- Writes a room of a server, and lets it and the names of the rooms live on.
-- KEYS: which process has the address of the server, the names of its rooms, the room.
-- ARGV: the process that writes, how long keys live, the name of the room, what is
-- written, how many come, the ids of these, and then of those who leave.
-- Written is 'all', where those who come are all that there are, 'some' of what has
-- changed, or 'none' where nobody is left.
-- 1: done; 0: the address is another process's.
local boot, rooms, room = unpack(KEYS)
local id, life, name, what, come = unpack(ARGV, 1, 5)

local function kind(key)
  return redis.call('TYPE', key).ok
end

-- At most 999 at a time: with the key that makes 1000 arguments.
local function each(command, first, last)
  for at = first, last, 999 do
    redis.call(command, room, unpack(ARGV, at, math.min(at + 998, last)))
  end
end

if kind(boot) == 'string' and redis.call('GET', boot) ~= id then return 0 end
if kind(rooms) ~= 'set' then redis.call('DEL', rooms) end
if what ~= 'some' or kind(room) ~= 'set' then redis.call('DEL', room) end
if what == 'none' then
  redis.call('SREM', rooms, name)
  return 1
end
local last = 5 + tonumber(come)
each('SADD', 6, last)
each('SREM', last + 1, #ARGV)
redis.call('SADD', rooms, name)
redis.call('PEXPIRE', rooms, life)
redis.call('PEXPIRE', room, life)
return 1
