-- Gives up the lease, and the place among those who wait for it, whichever there is.
local lease, queue = KEYS[2], KEYS[3]
local token, grace_ms = unpack(ARGV)

redis.call('LREM', queue, 0, token)
if redis.call('GET', lease) == token then
  hand_on(lease, queue, grace_ms)
end
