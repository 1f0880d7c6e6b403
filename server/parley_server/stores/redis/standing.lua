-- How a session stands.
return redis.call('HGET', KEYS[1], 'standing')
