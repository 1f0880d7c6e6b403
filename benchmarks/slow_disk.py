"""A disk whose flush takes 2 ms, for SQLite: `python -m benchmarks.slow_disk serve …` is `parley serve` on it.

Every call of a file goes through Python here, at the same price for whoever is measured.
"""

import time

import apsw

FLUSH = 0.002
"""Seconds."""


class _File(apsw.VFSFile):
    def xSync(self, flags: int) -> None:  # noqa: N802  # named by apsw
        time.sleep(FLUSH)
        super().xSync(flags)


class SlowDisk(apsw.VFS):
    """The disk of every database that this process opens from now on."""

    def __init__(self) -> None:
        super().__init__("slow-disk", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File("unix", name, flags)


if __name__ == "__main__":
    from parley_server.cli import main

    disk = SlowDisk()
    main()
