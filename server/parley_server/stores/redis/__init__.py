"""Sessions in Redis: the store that many hosts share."""

from parley_server.stores.redis.store import RedisStore, open_url

__all__ = ["RedisStore", "open_url"]
