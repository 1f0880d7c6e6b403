"""What is written so that it outlives a loss of power.

Everything here blocks, and belongs in a store's thread. This module must not know what is in the files.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

NEW = ".new"
"""What the name of a file ends in while it is written. Who is killed meanwhile leaves it behind."""
_LOCK_PAUSE = 0.001
_FLUSH_BYTES = 4 * 1024 * 1024
"""How much of a new file is written before it is flushed, so that the last flush is short."""


class Unsynced(OSError):
    """The disk did not confirm a write, which it may have done all the same."""


def create_file(path: Path, content: Iterable[bytes], *, patience: timedelta) -> bool:
    """Writes a file for the first time unless there is one, and says whether it did.

    At no moment is there a part of it, so that a file which is short has been damaged.

    Raises:
        TimeoutError: Another process kept the directory locked for longer than `patience`.
        OSError: It can not be written, and is not there.
        Unsynced: It is written, but a loss of power may take it away.
    """
    # Not `exists`, which follows a link.
    if os.path.lexists(path):
        return False
    gate = open_names(path.parent)
    try:
        lock(gate, fcntl.LOCK_EX, patience=patience)
        if os.path.lexists(path):
            return False
        replace_file(path, content)
        return True
    finally:
        os.close(gate)


def replace_file(path: Path, content: Iterable[bytes], *, ending: str = NEW) -> None:
    """Writes a file anew, or for the first time.

    At every moment it is there whole, with the old content or with the new; who reads the old one may go on.

    Args:
        path: The file.
        content: What is to be in it, in pieces.
        ending: What its name ends in meanwhile: `NEW`, after something else where others may be writing it, too.

    Raises:
        OSError: It can not be written, and is as it was.
        Unsynced: It is written, but a loss of power may bring the old content back.
    """
    temporary = path.with_name(path.name + ending)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        # Whoever opens it in its place waits until it is sure to stay there.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        unflushed = 0
        for piece in content:
            _write(descriptor, piece)
            unflushed += len(piece)
            if unflushed > _FLUSH_BYTES:
                os.fsync(descriptor)
                unflushed = 0
        os.fsync(descriptor)
        temporary.rename(path)
        sync_names(path.parent)
    except Unsynced:
        raise
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(descriptor)


def remove_leftover(temporary: Path) -> None:
    """Removes what somebody who was killed left of a file that was being written, unless it still is.

    Raises:
        OSError: It can not be removed.
    """
    gate = open_names(temporary.parent)
    try:
        # Whoever makes a file has the directory locked until the file itself is.
        fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with temporary.open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
    except (BlockingIOError, FileNotFoundError):
        pass
    finally:
        os.close(gate)


def sync_names(directory: Path) -> None:
    """Waits until the names in a directory are on the disk.

    Raises:
        Unsynced: The disk did not confirm it.
    """
    try:
        descriptor = open_names(directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unsynced from error


def open_names(directory: Path) -> int:
    """Opens a directory, to be flushed or locked."""
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def lock(descriptor: int, kind: int, *, patience: timedelta) -> None:
    """Locks what a descriptor is of, as `flock` does.

    Raises:
        TimeoutError: Others kept it locked for longer than `patience`.
    """
    due = time.monotonic() + patience.total_seconds()
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > due:
                raise TimeoutError("another process keeps it locked") from None
            time.sleep(_LOCK_PAUSE)
        else:
            return


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
