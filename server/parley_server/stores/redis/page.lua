-- Reads how a session stands, and the records after a turn: at least one if there is one, then as many as there is room
-- for, and never so many that others wait long. A record that is missing is the last one of a page, and is null.
local session = KEYS[1]
local after, room, most = unpack(ARGV)

local standing = redis.call('HGET', session, 'standing')
if not standing and redis.call('EXISTS', session) == 0 then
  return false
end
local version = tonumber(string.match(standing or '', '^%d+')) or 0
local page = {}
for turn = after + 1, math.min(version, after + most) do
  local record = redis.call('HGET', session, 'turn:' .. turn)
  room = room - (record and #record or 0)
  if room < 0 and #page > 0 then
    break
  end
  page[#page + 1] = record
  if not record then
    break
  end
end
return { standing, page }
