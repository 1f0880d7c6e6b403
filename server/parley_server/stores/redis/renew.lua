-- Lets the lease last anew, if it is still held.
local lease = KEYS[2]
local token, lease_ms = unpack(ARGV)

if redis.call('GET', lease) == token then
  redis.call('PEXPIRE', lease, lease_ms)
end
