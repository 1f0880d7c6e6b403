-- Gives the lease to the one that has waited the longest, and tells its store so. It must come and take it within the
-- grace, since it may have died while it waited.
local function hand_on(lease, queue, grace_ms)
  local next_one = redis.call('LPOP', queue)
  if next_one then
    redis.call('SET', lease, next_one, 'PX', grace_ms)
    redis.call('PUBLISH', 'parley:grants:' .. string.sub(next_one, 1, 16), next_one)
  else
    redis.call('DEL', lease)
  end
end
