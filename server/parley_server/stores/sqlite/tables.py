"""What the database of an SQLite store looks like, and every statement on it.

Everything here blocks, and belongs in the store's thread. This module must not know threads, leases or asyncio.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw

from parley_server.errors import InvalidSettings, TurnConflict
from parley_server.stores.holds import Loaded, NewTurn, Unreadable
from parley_server.stores.options import EPOCH, MICROSECOND
from parley_server.stores.protocol import StoredSession, TurnRecord
from parley_server.stores.sqlite.database import demand_checksums, is_damage, make_database, open_database

SCHEMA_VERSION = 2
APPLICATION_ID = 0x7061726C
"""Marks the file as parley's: "parl"."""

# `id` is never used twice: it is the incarnation of the session. `key` is SessionKey.digest.
_SCHEMA = f"""
CREATE TABLE secret (value BLOB NOT NULL) STRICT;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    checksum INTEGER NOT NULL,
    snapshot BLOB NOT NULL
) STRICT;
CREATE INDEX sessions_by_expiry ON sessions (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE turns (
    session INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (session, turn)
) STRICT;
CREATE UNIQUE INDEX turns_by_request ON turns (session, request_id) WHERE request_id <> '';
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""

_SESSION = "SELECT id, version, expires_at, checksum, snapshot FROM sessions WHERE key = ?"
# Not `id > ?`, which would go by way of the page before.
_SESSIONS_FROM = """
SELECT id, key, version, expires_at, checksum, snapshot FROM sessions
WHERE id >= ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?
"""
_TURNS = (
    "SELECT turn, request_id, checksum, data FROM turns WHERE session = ?1 AND turn > ?2 AND turn <= ?3 ORDER BY turn"
)
_REPEAT = "SELECT turn, request_id, checksum, data FROM turns WHERE session = ? AND request_id = ? AND request_id <> ''"
_ADD_TURN = (
    "INSERT INTO turns (session, turn, request_id, checksum, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_ADD_SESSION = "INSERT INTO sessions (key, version, expires_at, checksum, snapshot) VALUES (?, ?, ?, ?, ?)"
_MOVE_SESSION = """
UPDATE sessions SET version = ?3, expires_at = ?4, checksum = ?5, snapshot = ?6
WHERE id = ?1 AND version = ?2 AND (expires_at IS NULL OR expires_at > ?7)
"""

_SCAN_SESSIONS = 16
_SWEEP_SESSIONS = 64
_SWEEP_TURNS = 256


class SessionTables:
    """A connection to the database."""

    def __init__(self, path: Path, *, create: bool, timeout: timedelta) -> None:
        """Opens the database, after making it if it is to be and is not there.

        Raises:
            InvalidSettings: It is not parley's, is newer than this server, has been emptied, or can not keep what it
                promises.
            apsw.Error: It can not be opened.
            OSError: It can not be made.
        """
        if create:
            make_database(path, _fill, timeout=timeout)
        self._connection = open_database(path, timeout=timeout)
        try:
            _demand_sound(self._connection, path)
        except BaseException:
            self._connection.close()
            raise
        status = path.stat()
        self._identity = (status.st_dev, status.st_ino)
        self._page_bytes = self._connection.pragma("page_size")
        self._path = path

    def moved(self) -> bool:
        """Says whether the file that was opened is no longer the one in its place, or has been emptied or cut."""
        try:
            status = os.stat(self._path)  # noqa: PTH116 (in every batch, and Path's takes five times as long)
        except OSError:
            return True
        cut = status.st_size == 0 or status.st_size % self._page_bytes
        return bool(cut) or (status.st_dev, status.st_ino) != self._identity

    def close(self) -> None:
        """Closes the connection; a transaction that was not finished is undone."""
        self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Lets all reads inside it see one state of the database."""
        self._connection.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            self.rollback()

    def begin(self) -> None:
        """Begins to write; waits for another process that is writing."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Makes what was written since `begin` durable."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undoes what was written since `begin`, if anything was."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def secret(self) -> bytes:
        """The random bytes that were made with the database."""
        value: bytes = self._connection.execute("SELECT value FROM secret").get
        return value

    def load(self, digest: bytes, now: datetime, *, request_id: str = "", recent: int = 0) -> Loaded:
        """Loads a session; an expired one is as none.

        Raises:
            Unreadable: It is damaged.
        """
        row = self._connection.execute(_SESSION, (digest,)).fetchone()
        if row is None:
            return Loaded()
        incarnation, version, expires_at, checksum, snapshot = row
        if expires_at is not None and expires_at <= _since_epoch(now):
            return Loaded()
        return Loaded(
            incarnation=incarnation,
            stored=_stored(digest, version, expires_at, checksum, snapshot),
            recent=tuple(self._turns(incarnation, max(version - recent, 0), version)) if recent else (),
            repeat=self._repeat(incarnation, request_id) if request_id else None,
        )

    def page(self, digest: bytes, now: datetime, *, after: int, page_bytes: int) -> tuple[TurnRecord, ...]:
        """Loads the records after a turn, until there are `page_bytes` of them.

        Raises:
            Unreadable: One of them is damaged or missing.
        """
        session = self.load(digest, now)
        page: list[TurnRecord] = []
        room = page_bytes
        for record in self._turns(session.incarnation, max(after, 0), session.version):
            room -= len(record.data)
            if room < 0 and page:
                break
            page.append(record)
        return tuple(page)

    def standings(self, digests: Sequence[bytes], now: datetime) -> list[tuple[int, int]]:
        """Tells the incarnation and version of each session; (0, 0): there is none, (-1, -1): it is damaged."""
        found = []
        for digest in digests:
            try:
                found.append(self._standing(digest, now))
            except apsw.Error as error:
                if not is_damage(error):
                    raise
                found.append((-1, -1))
        return found

    def append(self, digest: bytes, opened: Loaded, new: NewTurn, now: datetime, *, held: bool) -> TurnRecord:
        """Appends a turn to the session that was opened, if its lease is `held`.

        Returns:
            The turn that now has the request_id: the new one, or the one that had it already.

        Raises:
            TurnConflict: The session moved on, or its lease is lost.
        """
        record = TurnRecord(opened.version + 1, new.request_id, new.data)
        if held and (
            self._append(digest, opened, new, record, now)
            if opened.incarnation
            else self._create(digest, new, record, now)
        ):
            return record
        repeat = self.load(digest, now, request_id=new.request_id).repeat
        if repeat is None:
            raise TurnConflict
        return repeat

    def delete(self, digest: bytes, opened: Loaded, now: datetime, *, held: bool) -> None:
        """Removes the session that was opened, if its lease is `held`.

        Raises:
            TurnConflict: The session moved on, or its lease is lost.
        """
        if not held or self._standing(digest, now) != (opened.incarnation, opened.version):
            raise TurnConflict
        self._remove(opened.incarnation)

    def scan(self, after: int, now: datetime) -> list[tuple[int, StoredSession | None]]:
        """Loads some of the sessions whose incarnation is greater than `after`, in its order.

        None stands for a damaged one; where a page is damaged, for every one that may have been in it.
        """
        found: list[tuple[int, StoredSession | None]] = []
        wanted = (after + 1, _since_epoch(now), _SCAN_SESSIONS)
        try:
            for incarnation, *row in self._connection.execute(_SESSIONS_FROM, wanted):
                try:
                    found.append((incarnation, _stored(*row)))
                except Unreadable:
                    found.append((incarnation, None))
        except apsw.Error as error:
            if not is_damage(error):
                raise
            latest = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'sessions'").get or 0
            if not found and after < latest:
                found.append((after + 1, None))
        return found

    def sweep(self, now: datetime) -> tuple[int, bool]:
        """Removes some expired sessions, and tells how many, and whether more may be left."""
        query = "SELECT id, version FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
        expired: list[Any] = self._connection.execute(query, (_since_epoch(now), _SWEEP_SESSIONS)).fetchall()
        removed = turns = 0
        for incarnation, version in expired:
            if turns and turns + version > _SWEEP_TURNS:
                break
            self._remove(incarnation)
            removed += 1
            turns += version
        return removed, removed < len(expired) or len(expired) == _SWEEP_SESSIONS

    def _standing(self, digest: bytes, now: datetime) -> tuple[int, int]:
        query = "SELECT id, version FROM sessions WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)"
        return self._connection.execute(query, (digest, _since_epoch(now))).fetchone() or (0, 0)

    def _append(self, digest: bytes, opened: Loaded, new: NewTurn, record: TurnRecord, now: datetime) -> bool:
        if not self._add_turn(opened.incarnation, record):
            return False
        expires_at = _expiry(new, now)
        checksum = _session_checksum(digest, record.turn, expires_at, new.snapshot)
        self._connection.execute(
            _MOVE_SESSION,
            (opened.incarnation, opened.version, record.turn, expires_at, checksum, new.snapshot, _since_epoch(now)),
        )
        if self._connection.changes() == 1:
            return True
        self._connection.execute("DELETE FROM turns WHERE session = ? AND turn = ?", (opened.incarnation, record.turn))
        return False

    def _create(self, digest: bytes, new: NewTurn, record: TurnRecord, now: datetime) -> bool:
        row = self._connection.execute("SELECT id, expires_at FROM sessions WHERE key = ?", (digest,)).fetchone()
        if row is not None:
            incarnation, ended = row
            if ended is None or ended > _since_epoch(now):
                return False
            self._remove(incarnation)
        expires_at = _expiry(new, now)
        checksum = _session_checksum(digest, record.turn, expires_at, new.snapshot)
        self._connection.execute(_ADD_SESSION, (digest, record.turn, expires_at, checksum, new.snapshot))
        return self._add_turn(self._connection.last_insert_rowid(), record)

    def _add_turn(self, incarnation: int, record: TurnRecord) -> bool:
        checksum = _turn_checksum(incarnation, record.turn, record.request_id, record.data)
        self._connection.execute(_ADD_TURN, (incarnation, record.turn, record.request_id, checksum, record.data))
        return self._connection.changes() == 1

    def _remove(self, incarnation: int) -> None:
        self._connection.execute("DELETE FROM turns WHERE session = ?", (incarnation,))
        self._connection.execute("DELETE FROM sessions WHERE id = ?", (incarnation,))

    def _turns(self, incarnation: int, after: int, last: int) -> Iterator[TurnRecord]:
        expected = after
        for row in self._connection.execute(_TURNS, (incarnation, after, last)):
            expected += 1
            if row[0] != expected:
                break
            yield _turn(incarnation, row)
        if expected < last:
            raise Unreadable(f"turn {expected + 1} is missing")

    def _repeat(self, incarnation: int, request_id: str) -> TurnRecord | None:
        row = self._connection.execute(_REPEAT, (incarnation, request_id)).fetchone()
        return None if row is None else _turn(incarnation, row)


def _fill(connection: apsw.Connection) -> None:
    """Makes the tables of a new database."""
    connection.execute(_SCHEMA)
    connection.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))


def _demand_sound(connection: apsw.Connection, path: Path) -> None:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise InvalidSettings(f"{path}: this is the database of another program")
    found = connection.pragma("user_version")
    if found != SCHEMA_VERSION:
        raise InvalidSettings(
            f"{path}: written by another version of parley (format {found}; this one reads {SCHEMA_VERSION})"
        )
    demand_checksums(connection, path)


def _expiry(new: NewTurn, now: datetime) -> int | None:
    expires_at = new.expires_at(now)
    return None if expires_at is None else _since_epoch(expires_at)


def _since_epoch(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _stored(digest: bytes, version: int, expires_at: int | None, checksum: int, snapshot: bytes) -> StoredSession:
    if checksum != _session_checksum(digest, version, expires_at, snapshot):
        raise Unreadable("the checksum of its snapshot is wrong")
    return StoredSession(snapshot, version, None if expires_at is None else EPOCH + expires_at * MICROSECOND)


def _session_checksum(digest: bytes, version: int, expires_at: int | None, snapshot: bytes) -> int:
    return crc32(snapshot, crc32(b"%b %d %d" % (digest, version, expires_at or 0)))


def _turn_checksum(incarnation: int, turn: int, request_id: str, data: bytes) -> int:
    # Beginning with the place of the row tells a record that is whole, but not this turn's.
    return crc32(data, crc32(request_id.encode(), (incarnation << 20 ^ turn) & 0xFFFFFFFF))


def _turn(incarnation: int, row: tuple[int, str, int, bytes]) -> TurnRecord:
    turn, request_id, checksum, data = row
    if checksum != _turn_checksum(incarnation, turn, request_id, data):
        raise Unreadable(f"the checksum of turn {turn} is wrong")
    return TurnRecord(turn, request_id, data)
