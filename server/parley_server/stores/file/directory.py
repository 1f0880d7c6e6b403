"""The directory of a file store, and everything that is done in it.

    format       what the directory is
    secret       the store's secret
    leases/      which process holds which session
    sessions/ab/cd/abcd…   one file a session, named by SessionKey.digest

A file is locked while it is read or written, which is short: the lease, not the lock, is what a turn holds.

Everything here blocks, and belongs in a store's threads. This module must not know asyncio.
"""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import apsw

from parley_server.errors import InvalidSettings, SessionBusy, SessionCorrupt, StoreFull, StoreUnavailable, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.file.disk import NEW, Unsynced, replace_file, sync_names
from parley_server.stores.file.frames import Frame
from parley_server.stores.file.log import SessionLog
from parley_server.stores.holds import Loaded, NewTurn, Unreadable
from parley_server.stores.leases import LeaseTable
from parley_server.stores.mounts import refuse_network
from parley_server.stores.options import EPOCH, MICROSECOND, StoreOptions
from parley_server.stores.protocol import StoredSession, TurnRecord

FORMAT = b"parley sessions 1\n"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOCK_PAUSE = 0.001
_FIRST_ENTRIES = {".lock", "sessions", "secret", "format"}
"""What a start that was cut short may leave."""

logger = logging.getLogger(__name__)
_UNFINISHED = {".lock", "secret", "secret.new", "sessions", "format.new"}
"""What a directory may hold whose making was cut short."""


class SessionDirectory:
    """The sessions in a directory. May be used by several threads."""

    def __init__(self, root: Path, options: StoreOptions) -> None:
        """Makes the directory if it is not there, and opens it.

        Raises:
            InvalidSettings: It is not a directory of sessions, or one of another version of parley, or another host's.
            StoreUnavailable: It can not be used.
        """
        self._root = root.absolute()
        self._clock = options.clock
        # Half of what a step may take, so that one that waits for another process can still say so.
        self._patience = options.timeout / 2
        try:
            refuse_network(self._root)
            self._prepare()
            status = self._root.stat()
            self._identity = (status.st_dev, status.st_ino)
            self._leases = LeaseTable(self._root / "leases", lease=options.lease, timeout=self._patience)
        except (OSError, apsw.Error) as error:
            raise StoreUnavailable(f"the directory {root} can not be used: {error}") from error

    def load(self, key: SessionKey, *, request_id: str = "", recent: int = 0) -> Loaded:
        """Loads a session; an expired one is as none."""
        with self._failing(key), self._log(key.digest, exclusive=False) as log:
            last = None if log is None else self._live(log)
            if log is None or last is None:
                return Loaded()
            return Loaded(
                incarnation=last.header.incarnation,
                stored=_stored(last),
                recent=log.recent(last, recent),
                repeat=log.repeat(last, request_id),
            )

    def stored(self, digest: str) -> StoredSession | None:
        """Loads the session whose key has the digest, as it was last committed."""
        with self._failing(None), self._log(digest, exclusive=False) as log:
            last = None if log is None else self._live(log)
            return None if last is None else _stored(last)

    def take(self, key: SessionKey, *, request_id: str, recent: int) -> Loaded:
        """Takes the session's lease and loads it.

        Raises:
            SessionBusy: Another process holds it.
        """
        with self._failing(key):
            self._check_root()
            with self._leases.transaction():
                if not self._leases.take(bytes.fromhex(key.digest), self._clock()):
                    raise SessionBusy
        return self.load(key, request_id=request_id, recent=recent)

    def page(self, key: SessionKey, *, after: int, page_bytes: int) -> tuple[TurnRecord, ...]:
        """Loads the records after a turn, until there are `page_bytes` of them."""
        with self._failing(key), self._log(key.digest, exclusive=False) as log:
            last = None if log is None else self._live(log)
            return () if log is None or last is None else log.page(last, after=max(after, 0), page_bytes=page_bytes)

    def append(self, key: SessionKey, opened: Loaded, new: NewTurn, *, held: bool) -> TurnRecord:
        """Appends a turn to the session that was opened, if its lease is `held` and still ours, and gives that up.

        Returns:
            The turn that now has the request_id: the new one, or the one that had it already.

        Raises:
            TurnConflict: The session moved on, or its lease is lost.
        """
        with self._failing(key), self._spending(key, held=held) as ours:
            made = ours and not opened.incarnation and self._make(key.digest)
            with self._log(key.digest, exclusive=True) as log:
                if log is None:
                    raise TurnConflict
                last = self._live(log)
                repeat = None if last is None else log.repeat(last, new.request_id)
                if repeat is not None:
                    return repeat
                if not ours or not _stands(last, opened):
                    raise TurnConflict
                record = TurnRecord(opened.version + 1, new.request_id, new.data)
                expires_at = new.expires_at(self._clock())
                wasteful = log.append(
                    last,
                    record,
                    snapshot=new.snapshot,
                    incarnation=opened.incarnation or secrets.randbits(63) + 1,
                    expires_at=-1 if expires_at is None else (expires_at - EPOCH) // MICROSECOND,
                )
                if wasteful:
                    self._compact(key.digest, log)
            if made:
                sync_names(self._path(key.digest).parent)
            return record

    def delete(self, key: SessionKey, opened: Loaded, *, held: bool) -> None:
        """Removes the session that was opened, if its lease is `held` and still ours, and gives that up.

        Raises:
            TurnConflict: The session moved on, or its lease is lost.
        """
        with self._failing(key), self._spending(key, held=held) as ours:
            with self._log(key.digest, exclusive=True) as log:
                if log is None or not ours or not _stands(self._live(log), opened):
                    raise TurnConflict
                self._path(key.digest).unlink()
            sync_names(self._path(key.digest).parent)

    def release(self, key: SessionKey) -> None:
        """Gives the session's lease up."""
        digest = bytes.fromhex(key.digest)
        try:
            with self._leases.transaction():
                self._leases.drop(digest)
        except apsw.Error:
            self._leases.forget(digest)

    def renew(self) -> None:
        """Lets the leases last anew."""
        with self._failing(None), self._leases.transaction():
            self._leases.renew(self._clock())

    def standings(self, keys: Sequence[SessionKey]) -> list[tuple[int, int]]:
        """Tells the incarnation and version of each session; (0, 0): there is none, (-1, -1): it is damaged."""
        found = []
        for key in keys:
            try:
                loaded = self.load(key)
            except SessionCorrupt:
                found.append((-1, -1))
            else:
                found.append((loaded.incarnation, loaded.version))
        return found

    def shelves(self) -> list[Path]:
        """The directories that sessions are in, to be gone through one by one."""
        with self._failing(None):
            self._check_root()
            return sorted((self._root / "sessions").glob("??/??"))

    def digests(self, shelf: Path) -> list[str]:
        """The digests of the keys whose sessions are in a shelf."""
        with self._failing(None):
            return [file.name for file in shelf.iterdir() if not file.name.endswith(NEW)]

    def sweep(self, shelf: Path) -> int:
        """Removes the expired sessions of a shelf, and tells how many they were."""
        with self._failing(None):
            return sum(self._sweep_one(file) for file in list(shelf.iterdir()))

    def secret(self) -> bytes:
        """The random bytes that were made with the directory."""
        with self._failing(None):
            self._check_root()
            return (self._root / "secret").read_bytes()

    def close(self) -> None:
        """Gives up the leases."""
        with contextlib.suppress(apsw.Error, OSError):
            self._leases.close()

    def _prepare(self) -> None:
        self._root.mkdir(mode=0o700, exist_ok=True)
        with (self._root / ".lock").open("wb") as gate:
            # Two processes may find the directory empty at once.
            fcntl.flock(gate, fcntl.LOCK_EX)
            if not (self._root / "format").exists():
                if {entry.name for entry in self._root.iterdir()} - _UNFINISHED:
                    raise InvalidSettings(f"{self._root}: this directory is another program's")
                (self._root / "sessions").mkdir(mode=0o700, exist_ok=True)
                replace_file(self._root / "secret", [secrets.token_bytes(32)])
                # The last one, so that a start that was cut short is begun again.
                replace_file(self._root / "format", [FORMAT])
        if (self._root / "format").read_bytes() != FORMAT:
            raise InvalidSettings(f"{self._root}: written by another version of parley")

    def _path(self, digest: str) -> Path:
        return self._root / "sessions" / digest[:2] / digest[2:4] / digest

    def _check_root(self) -> None:
        status = self._root.stat()
        if (status.st_dev, status.st_ino) != self._identity:
            raise StoreUnavailable("the directory of sessions is another one")

    def _live(self, log: SessionLog) -> Frame | None:
        last = log.last()
        if last is None or 0 <= last.header.expires_at <= (self._clock() - EPOCH) // MICROSECOND:
            return None
        return last

    def _make(self, digest: str) -> bool:
        """Makes an empty file for a session."""
        path = self._path(digest)
        for directory in (path.parent.parent, path.parent):
            with contextlib.suppress(FileExistsError):
                directory.mkdir(mode=0o700)
                sync_names(directory.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        return True

    @contextmanager
    def _log(self, digest: str, *, exclusive: bool) -> Iterator[SessionLog | None]:
        """Opens and locks the session's file; None if there is none."""
        self._check_root()
        descriptor = self._open(digest, exclusive=exclusive)
        if descriptor is None:
            yield None
            return
        try:
            yield SessionLog(descriptor, bytes.fromhex(digest))
        finally:
            os.close(descriptor)

    def _open(self, digest: str, *, exclusive: bool) -> int | None:
        due = time.monotonic() + self._patience.total_seconds()
        while True:
            try:
                descriptor = os.open(self._path(digest), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
                # It was removed while we waited: what is in its place now is another one.
            except BlockingIOError:
                if time.monotonic() > due:
                    os.close(descriptor)
                    raise StoreUnavailable("another process keeps the session's file locked") from None
                time.sleep(_LOCK_PAUSE)
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    @contextmanager
    def _spending(self, key: SessionKey, *, held: bool) -> Iterator[bool]:
        """Says whether the session's lease is `held` and still ours, and gives it up in the end."""
        if not held:
            yield False
            return
        try:
            yield self._leases.holds(bytes.fromhex(key.digest), self._clock())
        finally:
            self.release(key)

    def _compact(self, digest: str, log: SessionLog) -> None:
        try:
            replace_file(self._path(digest), log.compacted())
        except Unsynced:
            raise
        except (OSError, Unreadable):
            logger.warning("the session file %s could not be compacted and stays as it is", digest, exc_info=True)

    def _sweep_one(self, file: Path) -> int:
        with self._log(file.name.removesuffix(NEW), exclusive=True) as log:
            if file.name.endswith(NEW):
                # Whoever was writing it had the session's file locked, and is gone.
                file.unlink(missing_ok=True)
                return 0
            if log is None:
                return 0
            try:
                if self._live(log) is not None:
                    return 0
                expired = log.last() is not None
            except Unreadable:
                return 0
            # An empty file is what a commit left that was cut short.
            file.unlink()
            return int(expired)

    @contextmanager
    def _failing(self, key: SessionKey | None) -> Iterator[None]:
        """Tells what went wrong in the words of the store."""
        try:
            yield
        except Unreadable as error:
            raise SessionCorrupt("" if key is None else key.session_id, str(error)) from error
        except Unsynced as error:
            raise StoreUnavailable("the disk did not confirm a write", maybe_applied=True) from error
        except (OSError, apsw.Error) as error:
            if isinstance(error, apsw.FullError) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
                raise StoreFull from error
            raise StoreUnavailable(f"the directory of sessions failed: {error}") from error


def _stands(last: Frame | None, opened: Loaded) -> bool:
    found = (0, 0) if last is None else (last.header.incarnation, last.header.turn)
    return found == (opened.incarnation, opened.version)


def _stored(last: Frame) -> StoredSession:
    return StoredSession(last.snapshot, last.header.turn, _moment(last.header.expires_at))


def _moment(microseconds: int) -> datetime | None:
    return None if microseconds < 0 else EPOCH + microseconds * MICROSECOND
