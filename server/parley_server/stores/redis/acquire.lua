-- Takes the lease and loads the session. Answers in milliseconds how long the lease lasts that somebody else has.
local session, lease, queue = KEYS[1], KEYS[2], KEYS[3]
local token, lease_ms, waits, request_id, recent = unpack(ARGV)

local holder = redis.call('GET', lease)
if holder and holder ~= token then
  if waits == '1' then
    if not redis.call('LPOS', queue, token) then
      redis.call('RPUSH', queue, token)
    end
    -- Those who wait look again long before that: it is for what is left of those who died.
    redis.call('PEXPIRE', queue, 2 * lease_ms)
  end
  return redis.call('PTTL', lease)
end

local loaded = load_session(session, request_id, tonumber(recent))
-- A script whose first write needs no memory may write on when there is none: a session can be ended even then.
redis.call('LREM', queue, 0, token)
redis.call('SET', lease, token, 'PX', lease_ms)
return loaded
