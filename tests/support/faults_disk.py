"""A disk that fails: at the n-th thing that is asked of it the process ends, or gets an error.

It stands between the stores and the files below one folder: SQLite is reached by a VFS of its own, everything else by
the functions of `os`. This module must not know what is stored.
"""

import contextlib
import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast
from unittest.mock import patch

import apsw
from support.sqlite_files import sqlite_files

_UNLINK, _RENAME = os.unlink, os.rename

KILLED = 9
"""The exit status of a process that the disk has ended."""


class Fault(Enum):
    """What happens."""

    KILL = "kill"
    """The process is killed before the operation."""
    TEAR = "tear"
    """The process is killed when half of what it writes is written."""
    POWER = "power"
    """The host loses power: of what was not flushed, only some is there afterwards."""
    LIE = "lie"
    """The host loses power, and the disk had said that it flushed, and had not."""
    WRITES = "writes"
    """Writing fails."""
    FLUSHES = "flushes"
    """Flushing fails."""
    FULL = "full"
    """There is no room left."""


class Step(Enum):
    """What is asked of the disk."""

    WRITE = "write"
    FLUSH = "flush"
    CUT = "cut"
    MAKE = "make"
    REMOVE = "remove"


_TakeBack: TypeAlias = Callable[[str], None]
"""Undoes something, in the file or the directory of that path."""

_FAILING = {
    Fault.WRITES: {Step.WRITE, Step.CUT, Step.MAKE, Step.REMOVE},
    Fault.FLUSHES: {Step.FLUSH},
    Fault.FULL: {Step.WRITE, Step.MAKE},
}
_LOSING = {Fault.POWER, Fault.LIE}


class Disk:
    """What a folder is on. It fails once `left` operations went well, until `left` is None again."""

    def __init__(self, folder: Path, fault: Fault, left: int | None = None) -> None:
        self.left = left
        self.operations = 0
        """How many there were."""
        self._folder = str(folder.resolve())
        self._fault = fault
        # How to take back what was done to each file, or in each directory, since it was last flushed; oldest first.
        self._unflushed: dict[str, list[_TakeBack]] = {}

    @contextmanager
    def inserted(self) -> Iterator[None]:
        """Puts the disk below the stores of this process."""
        with ExitStack() as taking_out:
            for name in ("write", "pwrite", "fsync", "ftruncate", "open", "mkdir", "unlink", "rename"):
                double = getattr(self, f"_{name}")
                taking_out.enter_context(patch.object(os, name, partial(double, getattr(os, name))))
            taking_out.enter_context(sqlite_files(lambda: _FileSystem(self)))
            yield

    def end(self) -> None:
        """Ends the process."""
        os._exit(KILLED)

    def holds(self, path: str) -> bool:
        """Whether a file is on this disk."""
        return path.startswith(self._folder)

    def ask(self, step: Step) -> OSError | None:
        """Counts an operation, and gives the error with which it fails; the process may end instead."""
        self.operations += 1
        if self.left is None:
            return None
        self.left -= 1
        if self.left >= 0:
            return None
        if self._fault not in _FAILING:
            self.stop()
        if step not in _FAILING[self._fault]:
            return None
        return OSError(errno.ENOSPC if self._fault is Fault.FULL else errno.EIO, "the disk fails")

    def tears(self) -> bool:
        """Whether the next write is the one that is torn."""
        return self._fault is Fault.TEAR and self.left == 0

    def remember(self, place: str, take_back: _TakeBack) -> None:
        """Keeps how to take back what was done to a file or in a directory, until that is flushed."""
        if self._fault in _LOSING:
            self._unflushed.setdefault(place, []).append(take_back)

    def remember_write(self, path: str, offset: int, length: int) -> None:
        """The same, of what is going to be written over."""
        if self._fault in _LOSING and Path(path).exists():
            with Path(path).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(offset)
                before = file.read(length)
            self.remember(path, partial(_restore, offset=offset, before=before, length=length, size=size))

    def flushed(self, path: str) -> None:
        """Forgets how to take back what is flushed."""
        if self._fault is not Fault.LIE:
            self._unflushed.pop(path, None)

    def stop(self) -> None:
        """Loses what the fault makes it lose, and ends the process."""
        chance = random.Random(self.operations)
        # First what was done to files, as long as they have the names that they had then.
        for place in sorted(self._unflushed, key=os.path.isdir):
            # What is written later may reach the disk first.
            for take_back in reversed([step for step in self._unflushed[place] if chance.random() < 0.5]):
                with contextlib.suppress(OSError):
                    take_back(place)
        self._unflushed.clear()
        self.end()

    def _at(self, step: Step, path: str) -> None:
        if self.holds(path) and (error := self.ask(step)):
            raise error

    # What stands in for the functions of `os`: the real one comes first.

    def _write(self, real: Any, descriptor: int, data: bytes) -> int:
        if not self.holds(_path(descriptor)):
            return cast("int", real(descriptor, data))
        return self._pwrite(lambda _d, part, _o: real(descriptor, part), descriptor, data, os.lseek(descriptor, 0, 1))

    def _pwrite(self, real: Any, descriptor: int, data: bytes, offset: int) -> int:
        path = _path(descriptor)
        if self.holds(path):
            if self.tears():
                real(descriptor, data[: len(data) // 2], offset)
            self._at(Step.WRITE, path)
            self.remember_write(path, offset, len(data))
        written: int = real(descriptor, data, offset)
        return written

    def _fsync(self, real: Any, descriptor: int) -> None:
        path = _path(descriptor)
        self._at(Step.FLUSH, path)
        self.flushed(path)

    def _ftruncate(self, real: Any, descriptor: int, size: int) -> None:
        path = _path(descriptor)
        self._at(Step.CUT, path)
        if self.holds(path):
            length = os.fstat(descriptor).st_size
            self.remember_write(path, size, max(length - size, 0))
        real(descriptor, size)

    def _open(self, real: Any, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        new = bool(flags & os.O_CREAT) and self.holds(str(path)) and not Path(path).exists()
        if new:
            self._at(Step.MAKE, str(path))
            self.remember(str(Path(path).parent), lambda _: _UNLINK(path))
        descriptor: int = real(path, flags, *rest, **more)
        return descriptor

    def _mkdir(self, real: Any, path: Any, *rest: Any, **more: Any) -> None:
        if not Path(path).exists():
            self._at(Step.MAKE, str(path))
        real(path, *rest, **more)

    def _unlink(self, real: Any, path: Any, **more: Any) -> None:
        self._at(Step.REMOVE, str(path))
        real(path, **more)

    def _rename(self, real: Any, source: Any, target: Any, **more: Any) -> None:
        self._at(Step.MAKE, str(target))
        if self.holds(str(target)) and self._fault in _LOSING:
            before = Path(target).read_bytes() if Path(target).exists() else None
            self.remember(str(Path(target).parent), lambda _: _undo_rename(source, target, before))
            self._unflushed[str(target)] = self._unflushed.pop(str(source), [])
        real(source, target, **more)


class _FileSystem(apsw.VFS):
    """The way that SQLite takes to its files."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 (SQLite's)
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        if self._disk.holds(filename):
            _raise(self._disk.ask(Step.REMOVE))
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._counts = disk.holds(self._path)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._counts:
            if self._disk.tears():
                super().xWrite(data[: len(data) // 2], offset)
            _raise(self._disk.ask(Step.WRITE))
            self._disk.remember_write(self._path, offset, len(data))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._counts:
            _raise(self._disk.ask(Step.FLUSH))
            self._disk.flushed(self._path)
            if self._path.endswith("-wal"):
                # With a new log SQLite flushes the directory.
                self._disk.flushed(str(Path(self._path).parent))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self._counts:
            _raise(self._disk.ask(Step.CUT))
            self._disk.remember_write(self._path, size, max(self.xFileSize() - size, 0))
        super().xTruncate(size)


def _raise(error: OSError | None) -> None:
    """Raises what SQLite makes of an error."""
    if error:
        raise apsw.FullError if error.errno == errno.ENOSPC else apsw.IOError


def _path(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


def _undo_rename(source: Path, target: Path, before: bytes | None) -> None:
    """Gives a file its old name again, and what it replaced, too."""
    _RENAME(target, source)
    if before is not None:
        Path(target).write_bytes(before)


def _restore(path: str, offset: int, before: bytes, length: int, size: int) -> None:
    """Undoes a write. Where the file had ended before, a later write may have left a gap, which reads as zeros."""
    with Path(path).open("r+b") as file:
        file.seek(offset)
        file.write(before + bytes(length - len(before)))
        if file.seek(0, os.SEEK_END) == offset + length > size:
            file.truncate(size)
