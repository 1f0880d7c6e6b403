-- What is stored of a session: how it stands, its snapshot, the record of a request_id, and the last records. It does
-- not look at any other turn, so it costs the same however many there are. Judging what it finds is left to the caller.
local function load_session(session, request_id, recent)
  local found = redis.call('HMGET', session, 'standing', 'expires_at', 'snapshot')
  if not found[1] and redis.call('EXISTS', session) == 0 then
    return false
  end
  local turn = request_id ~= '' and redis.call('HGET', session, 'request:' .. request_id)
  local record = turn and redis.call('HGET', session, 'turn:' .. turn)
  local version = tonumber(string.match(found[1] or '', '^%d+'))
  local records = {}
  if version then
    for number = math.max(1, version - recent + 1), version do
      records[#records + 1] = redis.call('HGET', session, 'turn:' .. number)
    end
  end
  return { found[1], found[2], found[3], turn, record, records }
end
