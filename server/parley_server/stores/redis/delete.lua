-- Removes the session if it stands where it was opened and the lease is still held. Answers whether it did, as 1 or 0.
local session, lease, queue = KEYS[1], KEYS[2], KEYS[3]
local token, opened, grace_ms, channel = unpack(ARGV)

if redis.call('GET', lease) ~= token or redis.call('HGET', session, 'standing') ~= opened then
  return 0
end
redis.call('UNLINK', session)
redis.call('PUBLISH', channel, '')
hand_on(lease, queue, grace_ms)
return 1
