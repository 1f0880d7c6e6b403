"""The log of an SQLite database after a crash: whether SQLite reads all of it that was committed.

SQLite reads a log up to the first frame whose checksum is wrong, as a write that was cut off leaves one. What a damaged
frame and all after it held would be gone without a word. Two things tell it: the index beside the log, which outlives
the processes that used it, says what the last commit was; and frames that were written after a commit follow. After a
loss of power there may be no index: then damage in the last commit can not be told from a write that was cut off.

The formats are those of https://sqlite.org/walformat.html. Everything here blocks, and belongs in the store's thread.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, unpack
from typing import BinaryIO

_HEADER = Struct(">8I")
_FRAME = Struct(">6I")
_INDEX = Struct("=12sBBHII2I8s2I")
_INDEX_FRAMES_IN_DATABASE = 2 * _INDEX.size
_PAGE_CHECKSUM = 8
"""How many bytes of a page are its checksum, which is added when the page comes to the database."""


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far a log had come."""

    frames: int
    checksum: tuple[int, int]
    """That of the last frame."""
    salts: bytes
    """What tells this log from those before and after it, as it stands in its header."""
    page_bytes: int
    order: str
    """That of the bytes in checksums."""


@dataclass(frozen=True, slots=True)
class _Frame:
    page: int
    commits: bool
    salts: tuple[int, int]
    checksum: tuple[int, int]
    packed: bytes

    @property
    def content(self) -> bytes:
        return self.packed[_FRAME.size :]

    def checksum_after(self, before: tuple[int, int], order: str) -> tuple[int, int]:
        """What its checksum is if the one of the frame before is that."""
        return _checksum(self.packed[:8] + self.content, before, order)


def lacks_last_commit(database: Path) -> bool:
    """Whether the last commit that the index of a log knows is no longer whole in the log, nor in the database.

    To be asked before the database is opened, which makes the index anew.

    Raises:
        OSError: The files can not be read.
    """
    extent = _extent(Path(f"{database}-shm"))
    log = Path(f"{database}-wal")
    if extent is None or not log.exists():
        return extent is not None
    with log.open("rb") as file:
        whole = _has_last_commit(file, extent)
        file.seek(0)
        header = file.read(_HEADER.size)
    # The salts, last: while the log was read another process may have begun it anew.
    return len(header) < _HEADER.size or (not whole and header[16:24] == extent.salts)


def has_lost_commits(database: Path, *, page_bytes: int, frames: int) -> bool:
    """Whether the log of a database has commits that SQLite does not read.

    Args:
        database: The file of the database, beside which its log is.
        page_bytes: How long a page of it is.
        frames: How many frames of the log SQLite reads.

    Raises:
        OSError: The files can not be read.
    """
    log = Path(f"{database}-wal")
    if not log.exists():
        return False
    with log.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return False
        magic, _, _, _, *salts, first, second = _HEADER.unpack(header)
        order = ">" if magic & 1 else "<"
        if _checksum(header[:24], (0, 0), order) == (first, second):
            file.seek(frames * (_FRAME.size + page_bytes), 1)
            return _goes_on(_frames(file, page_bytes), (salts[0], salts[1]), order)
        with database.open("rb") as pages:
            return _differs(_frames(file, page_bytes), pages, page_bytes)


def _extent(index: Path) -> _Extent | None:
    """How far a log had come that is not yet in the database. None: it is not known."""
    try:
        packed = index.read_bytes()[: _INDEX_FRAMES_IN_DATABASE + 4]
    except OSError:
        return None
    first, second = packed[: _INDEX.size], packed[_INDEX.size : 2 * _INDEX.size]
    if first != second or len(packed) < _INDEX_FRAMES_IN_DATABASE + 4:
        return None
    _, _, big_endian, page_bytes, frames, _, *checksum, salts, check, check_2 = _INDEX.unpack(first)
    (in_database,) = unpack("=I", packed[_INDEX_FRAMES_IN_DATABASE:])
    if _checksum(first[:-8], (0, 0), "=") != (check, check_2) or frames <= in_database:
        return None
    return _Extent(frames, (checksum[0], checksum[1]), salts, page_bytes, ">" if big_endian else "<")


def _has_last_commit(log: BinaryIO, extent: _Extent) -> bool:
    frame_bytes = _FRAME.size + extent.page_bytes
    commit: list[_Frame] = []
    for number in reversed(range(extent.frames)):
        log.seek(_HEADER.size + number * frame_bytes)
        frame = next(_frames(log, extent.page_bytes), None)
        if frame is None:
            return False
        if frame.commits and commit:
            checksum = frame.checksum
            break
        commit.append(frame)
    else:
        log.seek(0)
        *_, first, second = _HEADER.unpack(log.read(_HEADER.size))
        checksum = (first, second)
    for frame in reversed(commit):
        if frame.checksum != frame.checksum_after(checksum, extent.order):
            return False
        checksum = frame.checksum
    return checksum == extent.checksum


def _frames(log: BinaryIO, page_bytes: int) -> Iterator[_Frame]:
    while len(packed := log.read(_FRAME.size + page_bytes)) == _FRAME.size + page_bytes:
        page, size, *salts, first, second = _FRAME.unpack_from(packed)
        yield _Frame(page, size > 0, (salts[0], salts[1]), (first, second), packed)


def _goes_on(frames: Iterator[_Frame], salts: tuple[int, int], order: str) -> bool:
    """Whether among frames of the log that has these salts one was written after a commit."""
    before: _Frame | None = None
    for frame in frames:
        if before is not None:
            if salts not in (before.salts, frame.salts):
                # Here the frames begin that an earlier log has left.
                return False
            if before.commits and frame.checksum == frame.checksum_after(before.checksum, order):
                return True
        before = frame
    return False


def _differs(frames: Iterator[_Frame], database: BinaryIO, page_bytes: int) -> bool:
    """Whether a log whose header can not be read has anything that is not in the database.

    It has not where the header was being written: that begins a log anew, when all of it has come to the database.
    """
    committed: dict[int, bytes] = {}
    coming: dict[int, bytes] = {}
    salts: tuple[int, int] | None = None
    for frame in frames:
        salts = salts or frame.salts
        if frame.salts != salts:
            break
        coming[frame.page] = frame.content
        if frame.commits:
            committed |= coming
            coming.clear()
    for page, content in committed.items():
        database.seek((page - 1) * page_bytes)
        if database.read(page_bytes)[:-_PAGE_CHECKSUM] != content[:-_PAGE_CHECKSUM]:
            return True
    return False


def _checksum(data: bytes, seed: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = seed
    words = unpack(f"{order}{len(data) // 4}I", data)
    for place in range(0, len(words), 2):
        first = (first + words[place] + second) & 0xFFFFFFFF
        second = (second + words[place + 1] + first) & 0xFFFFFFFF
    return first, second
