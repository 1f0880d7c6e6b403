"""Sessions in files, one a session: the store whose data any tool can copy, look at and delete."""

from parley_server.stores.file.store import FileStore, open_url

__all__ = ["FileStore", "open_url"]
