-- Writes over the session what stands there, so that replicas which confirm this have everything from before it.
local session = KEYS[1]
local standing = redis.call('HGET', session, 'standing')
if standing then
  redis.call('HSET', session, 'standing', standing)
end
