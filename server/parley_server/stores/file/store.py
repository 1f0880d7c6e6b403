"""The file store, as the event loop sees it.

This module must not block, nor know files: it hands work to threads.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from parley_server.errors import InvalidSettings, SessionCorrupt, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.file.directory import SessionDirectory
from parley_server.stores.holds import Hold, Loaded, NewTurn
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, OpenSession, StoredSession, TurnRecord
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

T = TypeVar("T")

_LANES = 16
_LOOK_EVERY = timedelta(milliseconds=100)


async def open_url(url: str, options: StoreOptions) -> "FileStore":
    """Opens `file:///absolute/directory`.

    Raises:
        InvalidSettings: The URL names no directory, or the directory is unfit.
        StoreUnavailable: The directory can not be used.
    """
    path = unquote(url.partition("://")[2])
    if not path.startswith("/") or not path.strip("/"):
        raise InvalidSettings("a file store is file:///absolute/directory")
    options.demand_existence(Path(path))
    return await FileStore.connect(Path(path), options)


class FileStore:
    """Keeps sessions in the files of a directory, which several processes of a host may share. Use `connect`."""

    durability = Durability.DISK

    def __init__(self, directory: SessionDirectory, options: StoreOptions) -> None:
        self._directory = directory
        self._options = options
        self._lanes = _Lanes(options.timeout)
        # Beside the lanes: a file may take longer to be compacted than a turn may take.
        self._compaction = ThreadPoolExecutor(1, thread_name_prefix="parley-compaction")
        self._desk = _Desk(directory, self._lanes, self._compaction)
        self._turnstile = Turnstile()
        self._watchers = Watchers(self._look, every=_LOOK_EVERY)
        self._renewal = asyncio.create_task(self._renew())

    @classmethod
    async def connect(cls, root: Path, options: StoreOptions | None = None) -> "FileStore":
        """Opens the directory, which is made if it is not there.

        Raises:
            InvalidSettings: It is not a directory of sessions, or one of another version of parley.
            StoreUnavailable: It can not be used.
        """
        options = options or StoreOptions()
        return cls(await asyncio.to_thread(SessionDirectory, root, options), options)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """See `StateStore.open`."""
        return Hold(self._desk, self._turnstile, self._watchers, key, request_id=request_id, recent=recent, wait=wait)

    async def read(self, key: SessionKey) -> StoredSession | None:
        """See `StateStore.read`."""
        loaded = await self._lanes.submit(key, lambda: self._directory.load(key))
        return loaded.stored

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        """See `StateStore.read_turns`."""
        return await self._lanes.submit(key, lambda: self._directory.page(key, after=after, page_bytes=page_bytes))

    def watch(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """See `StateStore.watch`."""
        return self._watchers.watch(key)

    async def scan(self) -> AsyncIterator[StoredSession]:
        """See `StateStore.scan`."""
        damaged = 0
        for shelf in await self._lanes.submit(None, self._directory.shelves):
            for digest in await self._lanes.submit(None, partial(self._directory.digests, shelf)):
                try:
                    session = await self._lanes.submit(None, partial(self._directory.stored, digest))
                except SessionCorrupt:
                    damaged += 1
                else:
                    if session is not None:
                        yield session
        if damaged:
            raise SessionCorrupt("", f"a scan met {damaged} of them")

    async def sweep(self) -> int:
        """See `StateStore.sweep`."""
        removed = 0
        for shelf in await self._lanes.submit(None, self._directory.shelves):
            removed += await self._lanes.submit(None, partial(self._directory.sweep, shelf))
        return removed

    async def secret(self) -> bytes:
        """See `StateStore.secret`."""
        return await self._lanes.submit(None, self._directory.secret)

    async def ready(self) -> None:
        """See `StateStore.ready`."""
        await self.secret()

    async def close(self) -> None:
        """See `StateStore.close`."""
        self._renewal.cancel()
        self._turnstile.close()
        self._watchers.close()
        self._directory.hurry()
        self._compaction.shutdown(wait=False, cancel_futures=True)
        await self._lanes.close(self._directory.close)

    async def _look(self, keys: Sequence[SessionKey]) -> list[tuple[int, int]]:
        return await self._lanes.submit(None, lambda: self._directory.standings(keys))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease.total_seconds() / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._lanes.submit(None, self._directory.renew)


class _Desk:
    """Does for open sessions what they ask for; see `Desk`."""

    def __init__(self, directory: SessionDirectory, lanes: "_Lanes", compaction: ThreadPoolExecutor) -> None:
        self._directory = directory
        self._lanes = lanes
        self._compaction = compaction

    def load(self, key: SessionKey, *, request_id: str, recent: int) -> asyncio.Future[Loaded]:
        return self._lanes.submit(key, lambda: self._directory.take(key, request_id=request_id, recent=recent))

    def append(self, key: SessionKey, opened: Loaded, new: NewTurn, *, held: bool) -> asyncio.Future[TurnRecord]:
        def append() -> TurnRecord:
            record, wasteful = self._directory.append(key, opened, new, held=held)
            if wasteful:
                # At the end nobody takes it; the file stays as it is.
                with contextlib.suppress(RuntimeError):
                    self._compaction.submit(self._directory.compact, key.digest)
            return record

        return self._lanes.submit(key, append, writes=True)

    def delete(self, key: SessionKey, opened: Loaded, *, held: bool) -> asyncio.Future[None]:
        return self._lanes.submit(key, lambda: self._directory.delete(key, opened, held=held), writes=True)

    def release(self, key: SessionKey) -> None:
        with contextlib.suppress(StoreUnavailable):
            future = self._lanes.submit(key, lambda: self._directory.release(key))
            # Nobody waits for it, so that nobody else would look at its error.
            future.add_done_callback(asyncio.Future.exception)


class _Lanes:
    """A few threads. What is asked for one session is done in one of them, in the order in which it came."""

    def __init__(self, timeout: timedelta) -> None:
        self._timeout = timeout.total_seconds()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._threads = [ThreadPoolExecutor(1, thread_name_prefix="parley-file") for _ in range(_LANES)]

    def submit(self, key: SessionKey | None, work: Callable[[], T], *, writes: bool = False) -> asyncio.Future[T]:
        """Hands work to a thread. The future fails with StoreUnavailable if it is not done in time.

        Raises:
            StoreUnavailable: The threads have ended.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        running = self._threads[hash(key) % _LANES].submit(work)
        timer = self._loop.call_later(self._timeout, _expire, future, running, writes)

        def settle() -> None:
            timer.cancel()
            _settle(future, running)

        def done(_: Future[T]) -> None:
            # The event loop may be closed already, when nobody has closed the store: then nobody waits either.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(settle)

        running.add_done_callback(done)
        return future

    async def close(self, last: Callable[[], None]) -> None:
        """Lets the threads do what they were given, and ends them."""
        if self._closed:
            return
        self._closed = True

        def end() -> None:
            for thread in self._threads:
                thread.shutdown()
            last()

        with contextlib.suppress(TimeoutError):
            # A thread that hangs in the file system can not be ended.
            async with asyncio.timeout(self._timeout):
                await asyncio.to_thread(end)


def _expire(future: asyncio.Future[T], running: Future[T], writes: bool) -> None:  # noqa: FBT001 (a callback)
    begun = not running.cancel()
    if not future.done():
        future.set_exception(StoreUnavailable("the store did not answer in time", maybe_applied=begun and writes))


def _settle(future: asyncio.Future[T], running: Future[T]) -> None:
    if future.done() or running.cancelled():
        return
    error = running.exception()
    if error is None:
        future.set_result(running.result())
    else:
        future.set_exception(error)
