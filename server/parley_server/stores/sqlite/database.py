"""The file of an SQLite database: made whole, and opened so that what is committed lasts and damage is noticed.

Every page has a checksum, by SQLite's own extension `cksumvfs`. Without it a changed bit of an index would hide a
session or a request from the look-ups, and nothing would tell it from one that never was.

Everything here blocks, and belongs in the store's thread. This module must not know what is stored.
"""

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import apsw
import apsw.sqlite_extra

from parley_server.errors import InvalidSettings
from parley_server.stores.disk import create_file
from parley_server.stores.sqlite.wal import has_lost_commits, lacks_last_commit

_CHECKSUMS = "cksmvfs"
_CHECKSUM_BYTES = 8
# A large write-ahead log costs room and some start-up time after a crash, and saves writing busy pages again and again.
_CHECKPOINT_PAGES = 4000


def make_database(path: Path, fill: Callable[[apsw.Connection], None], *, timeout: timedelta) -> None:
    """Makes a database unless there is a file. At no moment is there a part of one, so that an empty file is damage.

    Args:
        path: The file.
        fill: Makes what every new database has.
        timeout: How long to wait for another process that is making it.

    Raises:
        InvalidSettings: Only the log of a database is there.
        apsw.Error: It can not be made.
        OSError: It can not be made.
    """

    def content() -> Iterator[bytes]:
        for rest in ("-wal", "-journal"):
            if os.path.lexists(f"{path}{rest}"):
                raise InvalidSettings(
                    f"{path} is gone, and turns are left in {path}{rest}: "
                    "put the database back, or remove this file, too, to begin anew"
                )
        with tempfile.TemporaryDirectory() as folder:
            new = Path(folder, "new.db")
            with closing(apsw.Connection(str(new), vfs=_CHECKSUMS)) as connection:
                connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
                connection.pragma("journal_mode", "wal")
                fill(connection)
            yield new.read_bytes()

    _load_checksums()
    create_file(path, content(), patience=timeout)


def open_database(path: Path, *, timeout: timedelta) -> apsw.Connection:
    """Opens a database that is there.

    Raises:
        InvalidSettings: It or its log has been damaged, or it can not keep what it promises.
        apsw.Error: It can not be opened.
    """
    _load_checksums()
    if is_empty(path):
        raise InvalidSettings(
            f"{path} has been emptied: put the database back, or remove it and {path}-wal to begin anew"
        )
    if lacks_last_commit(path):
        raise _damaged_log(path)
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE, vfs=_CHECKSUMS)
    try:
        connection.set_busy_handler(_patience(timeout))
        _demand_durability(connection, path)
        _demand_whole_log(connection, path)
        _demand_whole_pages(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def demand_checksums(connection: apsw.Connection, path: Path) -> None:
    """Returns if every page that is read is compared with its checksum.

    Raises:
        InvalidSettings: It is not.
    """
    if connection.pragma("checksum_verification") != "1":
        raise InvalidSettings(f"{path}: its pages have lost their checksums, without which damage can not be noticed")


def is_damage(error: Exception) -> bool:
    """Whether an error says that what is stored has been changed by something else than SQLite."""
    # The types of apsw leave the attribute out.
    wrong_checksum = getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
    return isinstance(error, apsw.CorruptError) or (isinstance(error, apsw.IOError) and wrong_checksum)


def is_empty(path: Path) -> bool:
    """Whether a file is there and has nothing in it."""
    try:
        return os.stat(path).st_size == 0  # noqa: PTH116 (Path's takes five times as long)
    except OSError:
        return False


def _load_checksums() -> None:
    """Lets SQLite know the checksums, in the whole process; only databases that have them are affected."""
    if _CHECKSUMS in apsw.vfs_names():
        return
    try:
        with closing(apsw.Connection(":memory:")) as connection:
            apsw.sqlite_extra.load(connection, "cksumvfs")
    except (LookupError, apsw.sqlite_extra.NotAvailable, apsw.Error) as error:
        raise InvalidSettings(
            "this installation of apsw lacks `cksumvfs`, by which damage is noticed: install the wheel from PyPI"
        ) from error


def _demand_durability(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("journal_mode", "wal") != "wal":
        raise InvalidSettings(f"{path}: its file system can not hold a database with a write-ahead log")
    # FULL is what lets a committed turn outlive a loss of power; builds differ in the default.
    connection.pragma("synchronous", "full")
    connection.pragma("fullfsync", 1)
    if connection.pragma("synchronous") != 2:
        raise InvalidSettings(f"{path}: this SQLite does not wait for the disk")
    connection.wal_autocheckpoint(_CHECKPOINT_PAGES)


def _demand_whole_log(connection: apsw.Connection, path: Path) -> None:
    page_bytes = connection.pragma("page_size")
    frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    while has_lost_commits(path, page_bytes=page_bytes, frames=max(frames, 0)):
        before = frames
        frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        # Otherwise another process has committed meanwhile.
        if frames == before:
            # The log would be removed with the last connection.
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            raise _damaged_log(path)


def _demand_whole_pages(connection: apsw.Connection, path: Path) -> None:
    """Of a page that the file ends in, SQLite takes the rest for zeros, and does not look at its checksum."""
    page_bytes = connection.pragma("page_size")
    if path.stat().st_size % page_bytes:
        # A checkpoint may have been cut off there; then the page is in the log.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
    if path.stat().st_size % page_bytes:
        raise InvalidSettings(f"{path} ends in the midst of a page: put a copy of the database back")


def _damaged_log(path: Path) -> InvalidSettings:
    return InvalidSettings(
        f"{path}-wal, the log of the database, is damaged, and turns would be lost: put back a copy of both, "
        f"or remove {path}-wal and {path}-shm to go on without what was in it"
    )


def _patience(timeout: timedelta) -> Callable[[int], bool]:
    """Makes what waits for another process that is writing.

    SQLite's own waits grow up to 100 ms, so that who has waited the longest is the last to look. These stay short, and
    differ, so that processes do not look in step.
    """
    began = 0.0

    def wait(tries: int) -> bool:
        nonlocal began
        if tries == 0:
            began = time.monotonic()
        time.sleep(random.uniform(0.0005, 0.005))  # noqa: S311 (jitter is no secret)
        return time.monotonic() - began < timeout.total_seconds()

    return wait
