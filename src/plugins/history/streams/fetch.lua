-- Where a room stands, what its tickets are made with, and its messages: from an offset if the
-- epoch is that one, else all.
--
-- KEYS  what is known of the room, its stream
-- ARGV  the epoch, the offset, an epoch that nobody has, how long a room is kept in ms, how
--       many messages, what tickets are to be made with if that is not known
local known = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'key')
local epoch, offset, key = known[1], known[2], known[3]
if not epoch then
  epoch, offset, key = ARGV[3], '0', nil
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
end
if not key then
  key = ARGV[6]
  local set = redis.pcall('HSET', KEYS[1], 'key', key)
  -- Without memory there are no tickets, but what there is can be read.
  if type(set) == 'table' and set.err then key = '' end
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local from = epoch == ARGV[1] and ARGV[2] or '1'
local answer = { epoch, offset, key }
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], from .. '-0', '+', 'COUNT', ARGV[5])) do
  local at = tonumber(entry[2][2]) or 0
  answer[#answer + 1] = string.match(entry[1], '^%d+')
  answer[#answer + 1] = string.format('%.0f', math.max(now - at, 0))
  answer[#answer + 1] = entry[2][4] or ''
end
return answer
