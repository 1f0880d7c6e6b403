"""What lies in Redis for a session, as bytes: where, whose it is, and how damage to it shows.

This module must not connect to anything.

| key | what |
| --- | --- |
| `parley:{DIGEST}` | a hash: `standing`, `snapshot`, `expires_at` (ms), and for the turn N with the request_id ID: |
|  | `turn:N` (its record), `request:ID` (N), `request_of:N` (ID) |
| `parley:{DIGEST}:lease` | the token of the holder |
| `parley:{DIGEST}:queue` | a list: the tokens of those who wait, one for each store object at the most |
| `parley:secret` | the secret of the backing |

A session is one key, so that all of it expires in one moment. Its *standing* is what a commit compares and replaces:
the text `VERSION INCARNATION CHECKSUM`.
"""

import struct
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import msgspec

from parley_server.ids import SessionKey
from parley_server.stores.options import EPOCH
from parley_server.stores.protocol import StoredSession, TurnRecord

EVERY_SESSION = "parley:{*}"
"""The pattern of the sessions' keys; those of leases and queues go on after the brace."""
MILLISECOND = timedelta(milliseconds=1)
NONCE_LENGTH = 24
"""The bytes of a nonce, with which every record begins."""

_SNAPSHOT = struct.Struct(">IH")
_RECORD = struct.Struct(f">{NONCE_LENGTH}sIH")


class Unreadable(Exception):
    """What is stored can not be read."""


class Standing(msgspec.Struct, frozen=True):
    """How a session stands: its version, and which of the sessions it is that had its name."""

    version: int = 0
    incarnation: bytes = b""
    text: bytes = b""
    """The two as they are stored; empty for a session that does not exist."""


class Loaded(msgspec.Struct, frozen=True):
    """A session as it was opened."""

    standing: Standing = Standing()
    stored: StoredSession | None = None
    recent: tuple[TurnRecord, ...] = ()
    repeat: TurnRecord | None = None


class SessionFrames:
    """The keys of one session, and the form of its values.

    Every value tells whose it is, in itself or by its checksum, so that it is not taken for another session's.
    """

    __slots__ = ("_identity", "_seed", "changes", "keys")

    def __init__(self, key: SessionKey) -> None:
        name = f"parley:{{{key.digest}}}"
        self.keys = (name.encode(), f"{name}:lease".encode(), f"{name}:queue".encode())
        self.changes = f"{name}:changes".encode()
        """The channel of the session's changes."""
        tenant = key.tenant.encode()
        self._identity = b"%d:%b%b" % (len(tenant), tenant, key.session_id.encode())
        self._seed = crc32(self._identity)

    def after_commit(self, standing: Standing, nonce: str) -> Standing:
        """How the session stands once a commit has raised the version; the first commit makes the incarnation."""
        return self._standing(standing.version + 1, standing.incarnation or nonce.encode())

    def snapshot(self, standing: Standing, snapshot: bytes) -> bytes:
        """A snapshot, as it is stored."""
        return b"%b%b%b" % (
            _SNAPSHOT.pack(self._snapshot_checksum(standing, snapshot), len(self._identity)),
            self._identity,
            snapshot,
        )

    def record(self, record: TurnRecord, nonce: str) -> bytes:
        """A record, as it is stored; `nonce` is the commit's own."""
        request_id = record.request_id.encode()
        checksum = self._record_checksum(record.turn, nonce.encode(), request_id, record.data)
        return b"%b%b%b" % (_RECORD.pack(nonce.encode(), checksum, len(request_id)), request_id, record.data)

    def read_session(self, answer: list[Any] | None) -> Loaded:
        """Reads what the script `acquire` or `load` found.

        Raises:
            Unreadable: It is damaged.
        """
        if answer is None:
            return Loaded()
        text, expires_at, snapshot, turn, record, recent = answer
        standing = self.read_standing(text)
        if snapshot is None or expires_at is None:
            raise Unreadable("its snapshot is missing")
        first = standing.version + 1 - len(recent)
        return Loaded(
            standing=standing,
            stored=StoredSession(self._read_snapshot(standing, snapshot), standing.version, _moment(expires_at)),
            recent=tuple(self.read_record(number, frame) for number, frame in enumerate(recent, first)),
            repeat=None if turn is None else self.read_record(int(turn), record),
        )

    def read_standing(self, text: bytes | None) -> Standing:
        """Reads how a session stands. Raises as `read_session` does."""
        try:
            version, incarnation, _ = (text or b"").split(b" ")
            standing = self._standing(int(version), incarnation)
        except ValueError as error:
            raise Unreadable("its version is missing or damaged") from error
        if standing.text != text:
            raise Unreadable("its version is damaged, or another session's")
        return standing

    def read_record(self, turn: int, frame: bytes | None) -> TurnRecord:
        """Reads a record. Raises as `read_session` does."""
        if frame is None:
            raise Unreadable(f"turn {turn} is missing")
        try:
            nonce, checksum, length = _RECORD.unpack_from(frame)
        except struct.error as error:
            raise Unreadable(f"turn {turn} is cut") from error
        end = _RECORD.size + length
        request_id, data = frame[_RECORD.size : end], frame[end:]
        if checksum != self._record_checksum(turn, nonce, request_id, data):
            raise Unreadable(f"the checksum of turn {turn} is wrong")
        return TurnRecord(turn, request_id.decode(), data)

    @classmethod
    def of_snapshot(cls, name: bytes, frame: bytes | None) -> "SessionFrames":
        """The frames of the session whose key `name` is, by what its snapshot says. Raises as `read_session` does."""
        try:
            _, length = _SNAPSHOT.unpack_from(frame or b"")
            tenant_length, _, ids = (frame or b"")[_SNAPSHOT.size : _SNAPSHOT.size + length].partition(b":")
            tenant, session_id = ids[: int(tenant_length)], ids[int(tenant_length) :]
            frames = cls(SessionKey(tenant.decode(), session_id.decode()))
        except (struct.error, ValueError) as error:
            raise Unreadable("its snapshot does not say whose it is") from error
        if frames.keys[0] != name:
            raise Unreadable("its snapshot is another session's")
        return frames

    def _standing(self, version: int, incarnation: bytes) -> Standing:
        text = b"%d %b" % (version, incarnation)
        return Standing(version, incarnation, b"%b %08x" % (text, crc32(text, self._seed)))

    def _read_snapshot(self, standing: Standing, frame: bytes) -> bytes:
        try:
            checksum, length = _SNAPSHOT.unpack_from(frame)
        except struct.error as error:
            raise Unreadable("its snapshot is cut") from error
        end = _SNAPSHOT.size + length
        if frame[_SNAPSHOT.size : end] != self._identity:
            raise Unreadable("its snapshot is another session's")
        if checksum != self._snapshot_checksum(standing, frame[end:]):
            raise Unreadable("the checksum of its snapshot is wrong")
        return frame[end:]

    def _snapshot_checksum(self, standing: Standing, snapshot: bytes) -> int:
        return crc32(snapshot, crc32(standing.text))

    def _record_checksum(self, turn: int, nonce: bytes, request_id: bytes, data: bytes) -> int:
        return crc32(data, crc32(b"%d %b %b" % (turn, nonce, request_id), self._seed))


def _moment(milliseconds: bytes) -> datetime | None:
    if not milliseconds:
        return None
    try:
        return EPOCH + int(milliseconds) * MILLISECOND
    except (ValueError, OverflowError) as error:
        raise Unreadable("the time of its expiry is damaged") from error
