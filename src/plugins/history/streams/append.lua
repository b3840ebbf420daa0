-- Puts a message into rooms, and tells all servers where it stands in each. If Redis has no
-- memory for that, or something else is in the way, all servers get the message nevertheless,
-- and the rooms begin anew.
--
-- KEYS  the last number of the writer, and for each room what is known of it and its stream
-- ARGV  the number of the message among the writer's, the channel, the writer, an epoch that
--       nobody has, how long messages and rooms are kept in ms, how many messages and bytes
--       of a room, the message, all names that it was written to, the name of each room
local number = tonumber(ARGV[1])
-- Sent again.
if number <= tonumber(redis.call('GET', KEYS[1]) or '0') then return 0 end

local function whole(n) return string.format('%.0f', n) end
local function field(text) return #text .. ':' .. text end

local window, most, bytes = tonumber(ARGV[5]), tonumber(ARGV[7]), tonumber(ARGV[8])
local message = ARGV[9]
local told = field(ARGV[3]) .. field(ARGV[1]) .. field(message) .. field(ARGV[10])

local function keep()
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local places = ''
  for i = 2, #KEYS, 2 do
    local meta, stream, room = KEYS[i], KEYS[i + 1], ARGV[10 + i / 2]
    local known = redis.call('HMGET', meta, 'epoch', 'bytes')
    local epoch, size = known[1], tonumber(known[2] or '0')
    if not epoch then
      epoch = ARGV[4]
      redis.call('DEL', stream)
      redis.call('HSET', meta, 'epoch', epoch, 'offset', 0)
    end
    if redis.call('EXISTS', stream) == 0 then size = 0 end
    local offset = whole(redis.call('HINCRBY', meta, 'offset', 1))
    redis.call('XADD', stream, offset .. '-0', 't', whole(now), 'm', message)
    size = size + #message
    local count = redis.call('XLEN', stream)
    while count > 0 do
      local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
      local at, text = tonumber(oldest[2][2]) or 0, oldest[2][4] or ''
      if count <= most and size <= bytes and at > now - window then break end
      redis.call('XDEL', stream, oldest[1])
      count, size = count - 1, size - #text
    end
    redis.call('HSET', meta, 'bytes', whole(size))
    redis.call('PEXPIRE', meta, ARGV[6])
    redis.call('PEXPIRE', stream, ARGV[5])
    places = places .. field(room) .. field(epoch) .. field(offset)
  end
  return places
end

local kept, why = pcall(keep)
if kept then
  redis.call('PUBLISH', ARGV[2], told .. why)
  return 1
end
local text = type(why) == 'table' and why.err or tostring(why)
-- Redis 6 says ahead of the code where in the script it was.
text = string.gsub(string.gsub(text, '^@user_script: ?%d+: ', ''), '^%-', '')
-- A replica: the link goes and looks for who takes it.
if string.find(text, 'READONLY', 1, true) then return redis.error_reply(text) end

local anew = '1'
for i = 2, #KEYS do
  local gone = redis.pcall('DEL', KEYS[i])
  if type(gone) == 'table' and gone.err then anew = '0' end
end
-- As it may be sent again. The number of a writer takes no more than it did.
redis.pcall('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
redis.call('PUBLISH', ARGV[2], told .. field(anew))
return redis.error_reply(text)
