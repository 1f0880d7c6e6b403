-- The secret of this backing: the one that is there, or else the one that is given.
local secret = redis.call('GET', KEYS[1])
if not secret then
  secret = ARGV[1]
  redis.call('SET', KEYS[1], secret)
end
return secret
