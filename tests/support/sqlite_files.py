"""A way of the test's own by which SQLite reaches its files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import apsw


@contextmanager
def sqlite_files(make: Callable[[], apsw.VFS]) -> Iterator[None]:
    """Has SQLite reach what it opens by the VFS that is made, which must make itself the default."""
    # The layer that adds checksums stands on whatever is the default when it is loaded, and would outlive it there.
    unload_checksums()
    vfs = make()
    try:
        yield
    finally:
        unload_checksums()
        vfs.unregister()


def unload_checksums() -> None:
    """Takes out the layer that adds checksums; whoever opens a database puts it in again."""
    if "cksmvfs" in apsw.vfs_names():
        apsw.unregister_vfs("cksmvfs")
