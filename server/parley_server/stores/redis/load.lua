-- Loads a session without its lease and its turns.
return load_session(KEYS[1], '', 0)
