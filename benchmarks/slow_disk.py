"""A disk whose flush takes 2 ms, for SQLite: `python -m benchmarks.slow_disk serve …` is `parley serve` on it.

Every call of a file goes through Python here, at the same price for whoever is measured.
"""

import time
from functools import cache

import apsw

FLUSH = 0.002
"""Seconds."""


class _File(apsw.VFSFile):
    def xSync(self, flags: int) -> None:  # noqa: N802  # named by apsw
        time.sleep(FLUSH)
        super().xSync(flags)


class _SlowDisk(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("slow-disk", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File("unix", name, flags)


@cache
def slow_disk() -> apsw.VFS:
    """Makes it the disk of every database that this process opens from now on.

    It stays: the layer of SQLite that adds checksums stands on it.
    """
    return _SlowDisk()


if __name__ in ("__main__", "__mp_main__"):
    # A worker is started by the second name.
    slow_disk()

if __name__ == "__main__":
    from parley_server.cli import main

    main()
