"""A session that is open, for the stores that several processes share.

The lease has two parts: the place at the turnstile, which is among the tasks of this store object, and the lease among
processes, which the store's own code takes and gives up where it does its I/O.

This module must not know where sessions are kept.
"""

import asyncio
import random
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, TypeVar

import msgspec

from parley_server.errors import SessionBusy
from parley_server.ids import SessionKey
from parley_server.stores.protocol import OpenSession, StoredSession, TurnRecord
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

T = TypeVar("T")

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


class Unreadable(Exception):
    """What is stored of a session is damaged."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it was opened."""

    incarnation: int = 0
    """What tells it from one of the same name that was before it, or comes after it; 0: there is none."""
    stored: StoredSession | None = None
    recent: tuple[TurnRecord, ...] = ()
    repeat: TurnRecord | None = None

    @property
    def version(self) -> int:
        """The number of its turns."""
        return 0 if self.stored is None else self.stored.version


class NewTurn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is to be committed."""

    snapshot: bytes
    request_id: str
    data: bytes
    expires_in: timedelta | None

    def expires_at(self, now: datetime) -> datetime | None:
        """When the session expires with this turn."""
        return None if self.expires_in is None else now + self.expires_in


class Desk(Protocol):
    """What a store does for its open sessions. Every call hands work to a thread; the future is what comes of it."""

    def load(self, key: SessionKey, *, request_id: str, recent: int) -> asyncio.Future[Loaded]:
        """Takes the lease among processes and loads the session; fails with SessionBusy if another one holds it."""

    def append(self, key: SessionKey, opened: Loaded, new: NewTurn, *, held: bool) -> asyncio.Future[TurnRecord]:
        """Commits a turn if nothing has changed since the session was opened, and gives the lease up if it was `held`.

        If it was not, all that can come of it is the turn that has the request_id already, or TurnConflict.
        """

    def delete(self, key: SessionKey, opened: Loaded, *, held: bool) -> asyncio.Future[None]:
        """Removes the session as `append` appends."""

    def release(self, key: SessionKey) -> None:
        """Gives the lease among processes up, after whatever was asked for before."""


class Hold(AbstractAsyncContextManager[OpenSession]):
    """A session under its lease; see `OpenSession`."""

    def __init__(
        self,
        desk: Desk,
        turnstile: Turnstile,
        watchers: Watchers,
        key: SessionKey,
        *,
        request_id: str,
        recent: int,
        wait: timedelta,
    ) -> None:
        self._desk = desk
        self._turnstile = turnstile
        self._watchers = watchers
        self._key = key
        self._request_id = request_id
        self._recent = recent
        self._wait = wait
        self._held = False
        self._loaded = Loaded()
        self._writing: asyncio.Future[Any] | None = None

    @property
    def stored(self) -> StoredSession | None:
        """See `OpenSession.stored`."""
        return self._loaded.stored

    @property
    def recent(self) -> tuple[TurnRecord, ...]:
        """See `OpenSession.recent`."""
        return self._loaded.recent

    @property
    def repeat(self) -> TurnRecord | None:
        """See `OpenSession.repeat`."""
        return self._loaded.repeat

    async def __aenter__(self) -> OpenSession:
        due = asyncio.get_running_loop().time() + self._wait.total_seconds()
        await self._turnstile.enter(self._key, self._wait)
        self._held = True
        try:
            self._loaded = await self._load(due)
        except BaseException:
            self._release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writing is None or self._writing.done():
            self._release()
        else:
            # The turn was cancelled while it committed: nobody else may have the session before that is over.
            self._writing.add_done_callback(lambda _: self._release())

    async def commit(
        self, *, snapshot: bytes, request_id: str, data: bytes, expires_in: timedelta | None
    ) -> TurnRecord:
        """See `OpenSession.commit`."""
        new = NewTurn(snapshot=bytes(snapshot), request_id=request_id, data=bytes(data), expires_in=expires_in)
        return await self._write(self._desk.append(self._key, self._loaded, new, held=self._held))

    async def delete(self) -> None:
        """See `OpenSession.delete`."""
        if self._loaded.stored is None:
            raise ValueError("a new session can not be deleted")
        await self._write(self._desk.delete(self._key, self._loaded, held=self._held))

    async def _load(self, due: float) -> Loaded:
        """Takes the lease and loads the session; looks again and again while another process holds it."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._desk.load(self._key, request_id=self._request_id, recent=self._recent)
            except SessionBusy:
                left = due - asyncio.get_running_loop().time()
                if left <= 0:
                    raise
            await asyncio.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311 (jitter is no secret)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _write(self, writing: asyncio.Future[T]) -> T:
        self._writing = writing
        writing.add_done_callback(self._written)
        return await asyncio.shield(writing)

    def _written(self, writing: asyncio.Future[T]) -> None:
        if writing.exception() is None:
            self._watchers.notify(self._key)
            self._release(given_up=True)

    def _release(self, *, given_up: bool = False) -> None:
        """Lets the next one have the session, after the lease among processes was `given_up`, or is going to be."""
        if not self._held:
            return
        self._held = False
        if not given_up:
            self._desk.release(self._key)
        self._turnstile.leave(self._key)
