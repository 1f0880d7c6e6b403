"""Which process holds which session, for the stores that several processes of one host share.

The leases are kept in a small database of their own that is never flushed to disk, so that they add no wait to a turn.
What they say is about processes that run: nothing is lost with them, and while no process uses the directory it may be
deleted. A lease only saves wasted work; safety is the compare-and-append's.

A holder that was killed frees its sessions at once: each table locks a file of its own for as long as its process
lives, and the kernel gives the lock up with the process, whoever gets its number next. A holder that hangs frees them
when the lease has run out.

Everything here blocks, and belongs in a store's thread. This module must not know what a session is.
"""

import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import apsw

from parley_server.stores.options import EPOCH, MICROSECOND

_SCHEMA = """
CREATE TABLE IF NOT EXISTS leases (
    key BLOB PRIMARY KEY,
    owner TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""
# A lease that begins a whole lease from now was taken before the clock was set back.
_TAKE = """
INSERT INTO leases (key, owner, since, until) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, since = excluded.since, until = excluded.until
WHERE owner = excluded.owner OR until <= excluded.since OR since > excluded.until
"""
_RENEW = "UPDATE leases SET since = ?3, until = ?4 WHERE key = ?1 AND owner = ?2 AND ?3 < until"
_DROP = "DELETE FROM leases WHERE key = ? AND owner = ?"


class LeaseTable:
    """The leases in a directory, as one holder among those that share it. May be used by several threads."""

    def __init__(self, directory: Path, *, lease: timedelta, timeout: timedelta) -> None:
        """Joins the directory, which is made if it is not there.

        Args:
            directory: Where the leases of a backing are.
            lease: How long a lease lasts unless it is renewed.
            timeout: How long to wait for another process that is writing.

        Raises:
            OSError: The directory can not be used.
            apsw.Error: The database can not be used.
        """
        self._directory = directory
        self._lease = lease // MICROSECOND
        self._owner = secrets.token_hex(8)
        # Until when each lease is ours, unless it is renewed: nobody takes it before.
        self._ours: dict[bytes, int] = {}
        self._thread_lock = threading.RLock()
        directory.mkdir(mode=0o700, exist_ok=True)
        with (directory / "join.lock").open("wb") as gate:
            # Two that join at once must not both think that they are alone.
            fcntl.flock(gate, fcntl.LOCK_EX)
            if not self._others():
                # Nobody can be using the leases: start afresh, since a loss of power may have damaged the file.
                for old in directory.glob("leases.db*"):
                    old.unlink()
            self._life = os.open(self._life_file(self._owner), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
            fcntl.flock(self._life, fcntl.LOCK_EX)
            self._connection = self._connect(timeout)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Joins the steps inside it, so that they cost one write."""
        with self._thread_lock:
            # Not `with self._connection`: that one waits for other processes without letting other threads run.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def take(self, key: bytes, now: datetime) -> bool:
        """Takes the lease of a session unless somebody else holds it, and says whether it did.

        To be called inside a transaction, with the time as it is there.
        """
        since = (now - EPOCH) // MICROSECOND
        lease = (key, self._owner, since, since + self._lease)
        taken = self._changes(_TAKE, lease) or (self._free(key) and self._changes(_TAKE, lease))
        if taken:
            self._ours[key] = since + self._lease
        return taken

    def holds(self, key: bytes, now: datetime) -> bool:
        """Says whether the lease is still ours and has not run out."""
        return (now - EPOCH) // MICROSECOND < self._ours.get(key, 0)

    def renew(self, now: datetime) -> None:
        """Lets every lease that is still ours last anew."""
        since = (now - EPOCH) // MICROSECOND
        for key in tuple(self._ours):
            if self._changes(_RENEW, (key, self._owner, since, since + self._lease)):
                self._ours[key] = since + self._lease

    def drop(self, key: bytes) -> None:
        """Gives a lease up, if it is still ours."""
        self.forget(key)
        self._connection.execute(_DROP, (key, self._owner))

    def forget(self, key: bytes) -> None:
        """Renews a lease no more, where it can not be given up."""
        with self._thread_lock:
            self._ours.pop(key, None)

    def close(self) -> None:
        """Gives up every lease, and leaves."""
        with self._thread_lock:
            try:
                for key in tuple(self._ours):
                    self.drop(key)
                self._connection.close()
                self._life_file(self._owner).unlink(missing_ok=True)
            finally:
                # Whatever else failed: with this the leases are free.
                os.close(self._life)

    def _connect(self, timeout: timedelta) -> apsw.Connection:
        connection = apsw.Connection(str(self._directory / "leases.db"))
        connection.set_busy_timeout(timeout // timedelta(milliseconds=1))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(_SCHEMA)
        return connection

    def _changes(self, statement: str, bindings: tuple[bytes, str, int, int]) -> bool:
        self._connection.execute(statement, bindings)
        return self._connection.changes() == 1

    def _free(self, key: bytes) -> bool:
        """Removes the leases of the session's holder if its process is gone, and says whether it was."""
        owner = self._connection.execute("SELECT owner FROM leases WHERE key = ?", (key,)).get
        if self._lives(self._life_file(owner)):
            return False
        self._connection.execute("DELETE FROM leases WHERE owner = ?", (owner,))
        return True

    def _others(self) -> bool:
        """Whether anybody else is there. The files of those who are gone are removed."""
        found = False
        for file in self._directory.glob("*.life"):
            if self._lives(file):
                found = True
            else:
                file.unlink(missing_ok=True)
        return found

    def _life_file(self, owner: str) -> Path:
        return self._directory / f"{owner}.life"

    @staticmethod
    def _lives(file: Path) -> bool:
        try:
            descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False
