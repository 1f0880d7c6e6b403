"""Sessions in an SQLite database: the store that needs no other server."""

from parley_server.stores.sqlite.store import SqliteStore, open_url

__all__ = ["SqliteStore", "open_url"]
