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
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import apsw

from parley_server.errors import SessionBusy, SessionCorrupt, StoreFull, StoreUnavailable, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.disk import NEW, Unsynced, create_file, lock, remove_leftover, replace_file, sync_names
from parley_server.stores.file.frames import Frame, pack_first
from parley_server.stores.file.log import SessionLog
from parley_server.stores.file.packing import Packing
from parley_server.stores.file.root import Root
from parley_server.stores.holds import Loaded, NewTurn, Unreadable
from parley_server.stores.leases import LeaseTable
from parley_server.stores.options import EPOCH, MICROSECOND, StoreOptions
from parley_server.stores.protocol import StoredSession, TurnRecord

_NO_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

logger = logging.getLogger(__name__)


class SessionDirectory:
    """The sessions in a directory. May be used by several threads."""

    def __init__(self, root: Path, options: StoreOptions) -> None:
        """Makes the directory if it is not there, and opens it.

        Raises:
            InvalidSettings: It is not a directory of sessions, or one of another version of parley, or another host's.
            StoreUnavailable: It can not be used.
        """
        self._clock = options.clock
        # Half of what a step may take, so that one that waits for another process can still say so.
        self._patience = options.timeout / 2
        self._closing = threading.Event()
        # Directories whose names could not be flushed: nothing more is said to be durable there until they are.
        self._unflushed: set[Path] = set()
        try:
            self._root = Root(root)
            self._leases = LeaseTable(self._root.path / "leases", lease=options.lease, timeout=self._patience)
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
            self._root.check()
            self._flush_names(key)
            with self._leases.transaction():
                if not self._leases.take(bytes.fromhex(key.digest), self._clock()):
                    raise SessionBusy
        return self.load(key, request_id=request_id, recent=recent)

    def page(self, key: SessionKey, *, after: int, page_bytes: int) -> tuple[TurnRecord, ...]:
        """Loads the records after a turn, until there are `page_bytes` of them."""
        with self._failing(key), self._log(key.digest, exclusive=False) as log:
            last = None if log is None else self._live(log)
            return () if log is None or last is None else log.page(last, after=max(after, 0), page_bytes=page_bytes)

    def append(self, key: SessionKey, opened: Loaded, new: NewTurn, *, held: bool) -> tuple[TurnRecord, bool]:
        """Appends a turn to the session that was opened, if its lease is `held` and still ours, and gives that up.

        Returns:
            The turn that now has the request_id: the new one, or the one that had it already. And whether it is time to
            `compact` the session's file.

        Raises:
            TurnConflict: The session moved on, or its lease is lost.
        """
        with self._failing(key), self._spending(key, held=held) as ours:
            self._flush_names(key)
            record = TurnRecord(opened.version + 1, new.request_id, new.data)
            if ours and not opened.incarnation and self._create(key.digest, new):
                return record, False
            with self._log(key.digest, exclusive=True) as log:
                if log is None:
                    raise TurnConflict
                last = self._live(log)
                repeat = None if last is None else log.repeat(last, new.request_id)
                if repeat is not None:
                    return repeat, False
                if not ours or not _stands(last, opened):
                    raise TurnConflict
                if last is None:
                    # What has expired makes room.
                    replace_file(self._path(key.digest), [self._first_frame(key.digest, new)])
                    return record, False
                return record, log.append(last, record, snapshot=new.snapshot, expires_at=self._expiry(new))

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

    def compact(self, digest: str) -> None:
        """Writes a session's file anew without what is of no use; others may use the session meanwhile.

        If that can not be done, the file stays as it is.
        """
        try:
            descriptor = self._open(digest, exclusive=False)
            if descriptor is None:
                return
            try:
                self._compact(digest, descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            logger.debug("the session file %s is no more, or somebody else has compacted it", digest)
        except (OSError, Unreadable, StoreUnavailable) as error:
            if isinstance(error, Unsynced):
                self._unflushed.add(self._path(digest).parent)
            if not self._closing.is_set():
                logger.warning("the session file %s could not be compacted and stays as it is", digest, exc_info=True)

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
            self._root.check()
            return sorted((self._root.path / "sessions").glob("??/??"))

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
            self._root.check()
            return self._root.secret()

    def hurry(self) -> None:
        """Gives up what is not urgent, since the end is near."""
        self._closing.set()

    def close(self) -> None:
        """Gives up the leases."""
        with contextlib.suppress(apsw.Error, OSError):
            self._leases.close()

    def _path(self, digest: str) -> Path:
        return self._root.path / "sessions" / digest[:2] / digest[2:4] / digest

    def _flush_names(self, key: SessionKey) -> None:
        shelf = self._path(key.digest).parent
        if shelf in self._unflushed:
            if shelf.exists():
                sync_names(shelf)
            self._unflushed.discard(shelf)

    def _live(self, log: SessionLog) -> Frame | None:
        last = log.last()
        if 0 <= last.header.expires_at <= (self._clock() - EPOCH) // MICROSECOND:
            return None
        return last

    def _create(self, digest: str, new: NewTurn) -> bool:
        """Makes the file of a session with its first turn, unless there is one, and says whether it did."""
        path = self._path(digest)
        for directory in (path.parent.parent, path.parent):
            directory.mkdir(mode=0o700, exist_ok=True)
            try:
                # Also where it was there: who made it may not have come to this yet.
                sync_names(directory.parent)
            except Unsynced as error:
                raise OSError("the disk did not confirm a directory, and nothing has been written there") from error
        return create_file(path, [self._first_frame(digest, new)], patience=self._patience)

    def _first_frame(self, digest: str, new: NewTurn) -> bytes:
        return pack_first(
            bytes.fromhex(digest),
            request_id=new.request_id,
            snapshot=new.snapshot,
            data=new.data,
            incarnation=secrets.randbits(63) + 1,
            expires_at=self._expiry(new),
        )

    def _expiry(self, new: NewTurn) -> int:
        expires_at = new.expires_at(self._clock())
        return -1 if expires_at is None else (expires_at - EPOCH) // MICROSECOND

    @contextmanager
    def _log(self, digest: str, *, exclusive: bool) -> Iterator[SessionLog | None]:
        """Opens and locks the session's file; None if there is none."""
        self._root.check()
        descriptor = self._open(digest, exclusive=exclusive)
        if descriptor is None:
            yield None
            return
        try:
            yield SessionLog(descriptor, bytes.fromhex(digest))
        finally:
            os.close(descriptor)

    def _open(self, digest: str, *, exclusive: bool) -> int | None:
        while True:
            try:
                descriptor = os.open(self._path(digest), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno in _NO_FILE:
                    raise Unreadable("something else stands in the place of its file") from error
                raise
            try:
                lock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, patience=self._patience)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
                # It was removed while we waited: what is in its place now is another one.
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

    def _compact(self, digest: str, descriptor: int) -> None:
        """Compacts the session's file that is open, and locked for now."""
        log = SessionLog(descriptor, bytes.fromhex(digest))
        first = log.last()
        if not log.wasteful(first):
            return
        packing = Packing(log, bytes.fromhex(digest))

        def pieces() -> Iterator[bytes]:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            for piece in packing.before(first):
                if self._closing.is_set():
                    raise InterruptedError("the store is closing")
                yield piece
            lock(descriptor, fcntl.LOCK_EX, patience=self._patience)
            if not os.fstat(descriptor).st_nlink:
                raise FileNotFoundError("the session has gone meanwhile, or somebody else was faster")
            last = log.last()
            yield from packing.before(last)
            yield packing.last(last)

        replace_file(self._path(digest), pieces(), ending=f".{secrets.token_hex(4)}{NEW}")

    def _sweep_one(self, file: Path) -> int:
        if file.name.endswith(NEW):
            remove_leftover(file)
            return 0
        try:
            with self._log(file.name, exclusive=True) as log:
                if log is None or self._live(log) is not None:
                    return 0
                file.unlink()
                return 1
        except Unreadable:
            return 0

    @contextmanager
    def _failing(self, key: SessionKey | None) -> Iterator[None]:
        """Tells what went wrong in the words of the store."""
        try:
            yield
        except Unreadable as error:
            raise SessionCorrupt("" if key is None else key.session_id, str(error)) from error
        except Unsynced as error:
            if key is not None:
                self._unflushed.add(self._path(key.digest).parent)
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
