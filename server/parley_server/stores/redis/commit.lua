-- Makes a turn the session's next one if the session stands where it was opened and the lease is still held. Answers 1,
-- or 0 if it does not, or the turn that has the request_id already, and its record.
local session, lease, queue = KEYS[1], KEYS[2], KEYS[3]
local token, opened, standing, turn, snapshot, nonce, record, request_id, expires_in, remembered, grace_ms, channel =
  unpack(ARGV)

local found = redis.call('HMGET', session, 'standing', 'turn:' .. turn)
if found[2] and string.sub(found[2], 1, #nonce) == nonce then
  -- This very commit was applied before, and its answer was lost.
  return 1
end
if request_id ~= '' then
  local earlier = redis.call('HGET', session, 'request:' .. request_id)
  if earlier then
    return { earlier, redis.call('HGET', session, 'turn:' .. earlier) }
  end
end
if redis.call('GET', lease) ~= token or (found[1] or '') ~= opened then
  return 0
end

local expires_at = ''
if expires_in ~= '' then
  local now = redis.call('TIME')
  expires_at = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + expires_in)
end
-- The first write: if there is no memory left, it fails before anything has changed.
redis.call('HSET', session, 'standing', standing, 'expires_at', expires_at, 'snapshot', snapshot, 'turn:' .. turn, record)
if request_id ~= '' then
  redis.call('HSET', session, 'request:' .. request_id, turn, 'request_of:' .. turn, request_id)
end
local forgotten = turn - remembered
local old_id = redis.call('HGET', session, 'request_of:' .. forgotten)
if old_id then
  redis.call('HDEL', session, 'request:' .. old_id, 'request_of:' .. forgotten)
end
if expires_at == '' then
  redis.call('PERSIST', session)
else
  redis.call('PEXPIREAT', session, expires_at)
end
redis.call('PUBLISH', channel, '')
hand_on(lease, queue, grace_ms)
return 1
