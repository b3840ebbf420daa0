-- The type of a key: 'none', 'string', 'set', 'hash' and others.
local function kind(key)
  return redis.call('TYPE', key).ok
end

-- The text of a key; nil where there is none, or a key of another type.
local function text(key)
  if kind(key) == 'string' then return redis.call('GET', key) end
end

-- Calls `each` with the items from one on, at most 999 at a time: with the key that
-- makes 1000 arguments.
local function chunks(items, first, last, each)
  for at = first, last, 999 do
    each({unpack(items, at, math.min(at + 998, last))})
  end
end

-- Takes ids out of the hash, as far as they are those of this server there.
local function forget(sparks, address, ids, first, last)
  if kind(sparks) ~= 'hash' then return end
  chunks(ids, first, last, function (part)
    local held, own = redis.call('HMGET', sparks, unpack(part)), {}
    for at, id in ipairs(part) do
      if held[at] == address then own[#own + 1] = id end
    end
    if #own > 0 then redis.call('HDEL', sparks, unpack(own)) end
  end)
end

-- Takes all sparks of a server out. Its set may be of a wrong type.
local function clear(set, sparks, address)
  if kind(set) == 'set' then
    local ids = redis.call('SMEMBERS', set)
    forget(sparks, address, ids, 1, #ids)
  end
  redis.call('DEL', set)
end

-- The sign of life. It bears the later of two times, the server's and that of Redis:
-- a neighbour that compares it with a clock of its own is to find it too young rather
-- than too old.
local function live(alive, boot, id, interval, now)
  local time = redis.call('TIME')
  local here = time[1] * 1000 + math.floor(time[2] / 1000)
  local stamp = string.format('%.0f', math.max(here, tonumber(now)))
  redis.call('PSETEX', alive, interval, stamp)
  redis.call('PSETEX', boot, interval, id)
end
