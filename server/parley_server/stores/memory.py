"""Sessions in the memory of one process: the fastest store, and one that forgets everything with its process.

This module must not do I/O: whatever a turn needs is done without waiting, unless the session is held.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType

import msgspec

from parley_server.errors import InvalidSettings, StoreUnavailable, TurnConflict
from parley_server.ids import SessionKey
from parley_server.stores.options import Clock, StoreOptions, utc_now
from parley_server.stores.protocol import Durability, OpenSession, StoredSession, TurnRecord
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

_STEP = 1000
_LOOK_EVERY = timedelta(seconds=1)
_NAME_LENGTH = 4
"""The bytes that say how long a request_id is."""
_REMEMBERED = 128
"""How many of the last turns of a session are recognised by their request_id."""


async def open_url(url: str, options: StoreOptions) -> "InMemoryStore":
    """Opens `memory://`.

    Raises:
        InvalidSettings: Several processes are to share it, or the URL names something.
    """
    if url.partition("://")[2].strip("/"):
        raise InvalidSettings("memory:// takes nothing after it")
    if options.shared:
        raise InvalidSettings(
            "memory:// keeps sessions inside one process, so that no other can share them: serve with one worker, or "
            "use another store, such as sqlite:///parley.db"
        )
    return InMemoryStore(clock=options.clock)


class InMemoryStore:
    """Keeps sessions in this object alone. To be used on one event loop."""

    durability = Durability.NONE

    def __init__(self, *, clock: Clock = utc_now) -> None:
        self._secret = secrets.token_bytes(32)
        self._shelf = _Shelf(clock)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """See `StateStore.open`."""
        return _Hold(self._shelf, key, request_id, recent, wait)

    async def read(self, key: SessionKey) -> StoredSession | None:
        """See `StateStore.read`."""
        session = self._shelf.live(key)
        return None if session is None else session.stored

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        """See `StateStore.read_turns`."""
        session = self._shelf.live(key)
        if session is None:
            return ()
        end = start = max(after, 0)
        room = page_bytes
        while end < session.version:
            room -= len(session.turns[end])
            if room < 0 and end > start:
                break
            end += 1
        return session.records(start, end)

    def watch(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """See `StateStore.watch`."""
        return self._shelf.watchers.watch(key)

    async def scan(self) -> AsyncIterator[StoredSession]:
        """See `StateStore.scan`."""
        async for key in self._shelf.walk():
            session = self._shelf.live(key)
            if session is not None:
                yield session.stored

    async def sweep(self) -> int:
        """See `StateStore.sweep`."""
        removed = 0
        async for key in self._shelf.walk():
            removed += self._shelf.drop_if_expired(key)
        return removed

    async def secret(self) -> bytes:
        """See `StateStore.secret`."""
        self._shelf.check_open()
        return self._secret

    async def ready(self) -> None:
        """See `StateStore.ready`."""
        self._shelf.check_open()

    async def close(self) -> None:
        """See `StateStore.close`."""
        self._shelf.close()


class _Session(msgspec.Struct, gc=False):
    """A session in as little memory as it goes."""

    incarnation: int
    snapshot: bytes
    expires_at: datetime | None
    turns: list[bytes]
    """Each turn's request_id, with its length before it, and data: one object for each."""

    @property
    def version(self) -> int:
        return len(self.turns)

    @property
    def stored(self) -> StoredSession:
        return StoredSession(self.snapshot, self.version, self.expires_at)

    def records(self, after: int, until: int) -> tuple[TurnRecord, ...]:
        """The turns behind a number, to another one."""
        return tuple(_record(turn, self.turns[turn - 1]) for turn in range(max(after, 0) + 1, until + 1))

    def repeat(self, request_id: str) -> TurnRecord | None:
        """The turn that has the request_id, among the last ones."""
        if not request_id:
            return None
        beginning = _framed(request_id, b"")
        for turn, frame in enumerate(self.turns[-_REMEMBERED:], max(self.version - _REMEMBERED, 0) + 1):
            if frame.startswith(beginning):
                return _record(turn, frame)
        return None


class _Shelf:
    """The sessions, and who holds and watches them."""

    def __init__(self, clock: Clock) -> None:
        self.turnstile = Turnstile()
        self.watchers = Watchers(self._look, every=_LOOK_EVERY)
        self._clock = clock
        self._closed = False
        self._incarnations = count(1)
        self._sessions: dict[SessionKey, _Session] = {}

    async def walk(self) -> AsyncIterator[SessionKey]:
        """Gives the keys that there are at the beginning, and lets others do something every now and then."""
        self.check_open()
        for place, key in enumerate(list(self._sessions)):
            if place % _STEP == 0:
                await asyncio.sleep(0)
            yield key

    def live(self, key: SessionKey) -> _Session | None:
        self.check_open()
        return None if self.drop_if_expired(key) else self._sessions.get(key)

    def drop_if_expired(self, key: SessionKey) -> bool:
        session = self._sessions.get(key)
        if session is None or session.expires_at is None or session.expires_at > self._clock():
            return False
        self.remove(key)
        return True

    def append(
        self, key: SessionKey, session: _Session | None, record: TurnRecord, snapshot: bytes, idle: timedelta | None
    ) -> None:
        expires_at = None if idle is None else self._clock() + idle
        if session is None:
            session = self._sessions[key] = _Session(next(self._incarnations), b"", None, [])
        session.snapshot, session.expires_at = _packed(snapshot), expires_at
        session.turns.append(_framed(record.request_id, record.data))
        self.watchers.notify(key)

    def remove(self, key: SessionKey) -> None:
        del self._sessions[key]
        self.watchers.notify(key)

    def check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("the store is closed")

    def close(self) -> None:
        self._closed = True
        self._sessions.clear()
        self.turnstile.close()
        self.watchers.close()

    async def _look(self, keys: Sequence[SessionKey]) -> list[tuple[int, int]]:
        sessions = [self.live(key) for key in keys]
        return [(0, 0) if session is None else (session.incarnation, session.version) for session in sessions]


class _Hold(AbstractAsyncContextManager[OpenSession]):
    """A session under its lease."""

    __slots__ = ("_held", "_key", "_recent", "_request_id", "_session", "_shelf", "_wait", "recent", "repeat", "stored")

    def __init__(self, shelf: _Shelf, key: SessionKey, request_id: str, recent: int, wait: timedelta) -> None:
        self._shelf = shelf
        self._key = key
        self._request_id = request_id
        self._recent = recent
        self._wait = wait
        self._held = False
        self._session: _Session | None = None
        self.stored: StoredSession | None = None
        self.recent: tuple[TurnRecord, ...] = ()
        self.repeat: TurnRecord | None = None

    async def __aenter__(self) -> OpenSession:
        await self._shelf.turnstile.enter(self._key, self._wait)
        self._held = True
        session = self._session = self._shelf.live(self._key)
        if session is not None:
            self.stored = session.stored
            self.repeat = session.repeat(self._request_id)
            if self._recent:
                self.recent = session.records(session.version - self._recent, session.version)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._release()

    async def commit(
        self, *, snapshot: bytes, request_id: str, data: bytes, expires_in: timedelta | None
    ) -> TurnRecord:
        """See `OpenSession.commit`."""
        session = self._shelf.live(self._key)
        if session is not None and (repeat := session.repeat(request_id)) is not None:
            return repeat
        self._check_held(session)
        turn = 1 if session is None else session.version + 1
        record = TurnRecord(turn, request_id, bytes(data))
        self._shelf.append(self._key, session, record, snapshot, expires_in)
        self._release()
        return record

    async def delete(self) -> None:
        """See `OpenSession.delete`."""
        session = self._shelf.live(self._key)
        self._check_held(session)
        if session is None:
            raise ValueError("a new session can not be deleted")
        self._shelf.remove(self._key)
        self._release()

    def _check_held(self, session: _Session | None) -> None:
        if not self._held or session is not self._session:
            raise TurnConflict

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._shelf.turnstile.leave(self._key)


# An encoder's bytes may take half as much room again as they need; copies do not.


def _packed(data: bytes) -> bytes:
    return bytes(memoryview(data))


def _framed(request_id: str, data: bytes) -> bytes:
    name = request_id.encode()
    return b"".join((len(name).to_bytes(_NAME_LENGTH, "big"), name, data))


def _record(turn: int, frame: bytes) -> TurnRecord:
    end = _NAME_LENGTH + int.from_bytes(frame[:_NAME_LENGTH], "big")
    return TurnRecord(turn, frame[_NAME_LENGTH:end].decode(), frame[end:])
