-- Where a room stands, and its messages: from an offset if the epoch is that one, else all.
--
-- KEYS  what is known of the room, its stream
-- ARGV  the epoch, the offset, an epoch that nobody has, how long a room is kept in ms, how
--       many messages
local known = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
local epoch, offset = known[1], known[2]
if not epoch then
  epoch, offset = ARGV[3], '0'
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local from = epoch == ARGV[1] and ARGV[2] or '1'
local answer = { epoch, offset }
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], from .. '-0', '+', 'COUNT', ARGV[5])) do
  local at = tonumber(entry[2][2]) or 0
  answer[#answer + 1] = string.match(entry[1], '^%d+')
  answer[#answer + 1] = string.format('%.0f', math.max(now - at, 0))
  answer[#answer + 1] = entry[2][4] or ''
end
return answer
