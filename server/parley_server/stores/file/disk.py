"""What is written so that it outlives a loss of power.

Everything here blocks, and belongs in a store's thread. This module must not know what is in the files.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

NEW = ".new"
"""What the name of a file ends in while it is written. Who is killed meanwhile leaves it behind."""


class Unsynced(OSError):
    """The disk did not confirm a write, which it may have done all the same."""


def replace_file(path: Path, content: Iterable[bytes]) -> None:
    """Writes a file anew, or for the first time.

    At every moment it is there whole, with the old content or with the new; who reads the old one may go on.

    Raises:
        OSError: It can not be written, and is as it was.
        Unsynced: It is written, but a loss of power may bring the old content back.
    """
    temporary = path.with_name(path.name + NEW)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        # Whoever opens it in its place waits until it is sure to stay there.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for piece in content:
            _write(descriptor, piece)
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


def sync_names(directory: Path) -> None:
    """Waits until the names in a directory are on the disk.

    Raises:
        Unsynced: The disk did not confirm it.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise Unsynced from error


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
