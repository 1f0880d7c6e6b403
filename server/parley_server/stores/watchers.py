"""Who is to be woken when a session changes.

This module must not know where sessions are kept: a store tells of its own changes with `notify`, and of those that it
can not see happen (another process's, the passing of time) by answering how each watched session stands.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeAlias

from parley_server.errors import StoreError, StoreUnavailable
from parley_server.ids import SessionKey

Look: TypeAlias = Callable[[Sequence[SessionKey]], Awaitable[Sequence[Hashable]]]
"""Tells how each session stands: anything that differs when the session has changed."""


class Watchers:
    """Everyone who watches sessions of one store object. One task looks after them all, while there are any."""

    def __init__(self, look: Look, *, every: timedelta) -> None:
        self._look = look
        self._every = every.total_seconds()
        self._watches: dict[SessionKey, set[Watch]] = {}
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def watch(self, key: SessionKey) -> "Watch":
        """Makes a context that, once entered, misses no change of the session."""
        return Watch(self, key)

    def notify(self, key: SessionKey) -> None:
        """Wakes those who watch the session."""
        for watch in self._watches.get(key, ()):
            watch.wake()

    def close(self) -> None:
        """Ends every watch with StoreUnavailable."""
        self._closed = True
        self._stop()
        self._fail(StoreUnavailable("the store is closed"))

    async def enter(self, watch: "Watch") -> None:
        """Begins to look after a watch."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        self._watches.setdefault(watch.key, set()).add(watch)
        try:
            (watch.seen,) = await self._look([watch.key])
        except BaseException:
            self.leave(watch)
            raise
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._look_out())

    def leave(self, watch: "Watch") -> None:
        """Ends a watch."""
        watches = self._watches[watch.key]
        watches.discard(watch)
        if not watches:
            del self._watches[watch.key]
        if not self._watches:
            self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look_out(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            keys = list(self._watches)
            try:
                found = await self._look(keys)
            except StoreError as error:
                self._fail(error)
                continue
            for key, now in zip(keys, found, strict=True):
                for watch in self._watches.get(key, ()):
                    watch.compare(now)

    def _fail(self, error: StoreError) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.fail(error)


class Watch(AbstractAsyncContextManager[AsyncIterator[None]], AsyncIterator[None]):
    """The wake-ups of one reader."""

    def __init__(self, watchers: Watchers, key: SessionKey) -> None:
        self.key = key
        self.seen: Hashable = None
        self._watchers = watchers
        self._awake = asyncio.Event()
        self._error: StoreError | None = None

    async def __aenter__(self) -> Self:
        await self._watchers.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watchers.leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        await self._awake.wait()
        self._awake.clear()
        if self._error is not None:
            raise self._error

    def wake(self) -> None:
        """Lets the reader go on."""
        self._awake.set()

    def compare(self, now: Hashable) -> None:
        """Wakes the reader if the session does not stand as it was last seen."""
        if now != self.seen:
            self.seen = now
            self._awake.set()

    def fail(self, error: StoreError) -> None:
        """Lets the reader raise the error."""
        self._error = error
        self._awake.set()
