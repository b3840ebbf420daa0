-- Gives up what is kept of rooms, and tells all servers so. If the first cannot be done, nor is
-- the second.
--
-- KEYS  for each room what is known of it and its stream
-- ARGV  the channel, what is told
for i = 1, #KEYS do redis.call('DEL', KEYS[i]) end
return redis.call('PUBLISH', ARGV[1], ARGV[2])
