"""The SQLite store, as the event loop sees it.

This module must not block, nor know SQL: it hands jobs to a thread.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import unquote

import apsw

from parley_server.errors import InvalidSettings, SessionBusy, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, OpenSession, StoredSession, TurnRecord
from parley_server.stores.sqlite.runner import BatchRunner
from parley_server.stores.sqlite.tables import Loaded, NewTurn, SessionTables
from parley_server.stores.sqlite.thread import BatchThread, Step, Work
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

T = TypeVar("T")

_LOOK_EVERY = timedelta(milliseconds=100)
_FIRST_WAIT = 0.005
_LONGEST_WAIT = 0.1


async def open_url(url: str, options: StoreOptions) -> "SqliteStore":
    """Opens `sqlite:///relative/path` or `sqlite:////absolute/path`.

    Raises:
        InvalidSettings: The URL names no file, or the file is unfit.
        StoreUnavailable: The file can not be opened.
    """
    rest = url.partition("://")[2]
    path = unquote(rest[1:])
    if not rest.startswith("/") or not path or path == ":memory:" or path.endswith("/"):
        raise InvalidSettings("an SQLite store is sqlite:///relative/path or sqlite:////absolute/path of a file")
    return await SqliteStore.connect(Path(path), options)


def has_wal_race(version: str) -> bool:
    """Whether an SQLite of this version can damage a write-ahead log that several processes use."""
    mended = {(3, 44): 6, (3, 50): 7, (3, 51): 3}
    major, minor, patch = (int(part) for part in version.split("."))
    return (major, minor) <= (3, 51) and patch < mended.get((major, minor), patch + 1)


class SqliteStore:
    """Keeps sessions in one SQLite database, which several processes of a host may share.

    Use `connect`. One thread does all the work; the turns that come while it is busy are committed together.
    """

    durability = Durability.DISK

    def __init__(self, runner: BatchRunner, options: StoreOptions) -> None:
        self._thread = BatchThread(runner.run, at_end=runner.close, timeout=options.timeout)
        self._options = options
        self._turnstile = Turnstile()
        self._watchers = Watchers(self._look, every=_LOOK_EVERY)
        self._renewal = asyncio.create_task(self._renew())

    @classmethod
    async def connect(cls, path: Path, options: StoreOptions | None = None) -> "SqliteStore":
        """Opens the database, which is made if it is not there.

        Raises:
            InvalidSettings: The file is not a database of this version of parley, or can not keep what this store
                promises.
            StoreUnavailable: The file can not be opened.
        """
        options = options or StoreOptions()
        version = apsw.sqlite_lib_version()
        if options.shared and has_wal_race(version):
            raise InvalidSettings(f"SQLite {version} can lose data that several processes write: use 3.51.3 or newer")
        runner = await asyncio.to_thread(BatchRunner, path, options)
        return cls(runner, options)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """See `StateStore.open`."""
        return _Hold(
            self._thread, self._turnstile, self._watchers, key, request_id=request_id, recent=recent, wait=wait
        )

    async def read(self, key: SessionKey) -> StoredSession | None:
        """See `StateStore.read`."""
        digest = bytes.fromhex(key.digest)
        loaded = await self._read(lambda tables, now, _: tables.load(digest, now), key.session_id)
        return loaded.stored

    async def read_turns(
        self, key: SessionKey, *, after: int = 0, page_bytes: int = 512 * 1024
    ) -> tuple[TurnRecord, ...]:
        """See `StateStore.read_turns`."""
        digest = bytes.fromhex(key.digest)
        return await self._read(
            lambda tables, now, _: tables.page(digest, now, after=after, page_bytes=page_bytes), key.session_id
        )

    def watch(self, key: SessionKey) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """See `StateStore.watch`."""
        return self._watchers.watch(key)

    async def sweep(self) -> int:
        """See `StateStore.sweep`."""
        removed, more = 0, True
        while more:
            swept, more = await self._thread.submit(Step.WRITE, lambda tables, now, _: tables.sweep(now))
            removed += swept
        return removed

    async def secret(self) -> bytes:
        """See `StateStore.secret`."""
        return await self._read(lambda tables, _now, _held: tables.secret())

    async def ready(self) -> None:
        """See `StateStore.ready`."""
        await self.secret()

    async def close(self) -> None:
        """See `StateStore.close`."""
        self._renewal.cancel()
        self._turnstile.close()
        self._watchers.close()
        await self._thread.close()

    async def _read(self, work: Work[T], session_id: str = "") -> T:
        return await self._thread.submit(Step.READ, work, session_id=session_id)

    async def _look(self, keys: Sequence[SessionKey]) -> list[tuple[int, int]]:
        digests = [bytes.fromhex(key.digest) for key in keys]
        return await self._read(lambda tables, now, _: tables.standings(digests, now))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._options.lease.total_seconds() / 3)
            with contextlib.suppress(StoreUnavailable):
                await self._thread.submit(Step.RENEW, _nothing)


class _Hold(AbstractAsyncContextManager[OpenSession]):
    """A session under its lease: first that of this store object, then that among all processes."""

    def __init__(
        self,
        thread: BatchThread,
        turnstile: Turnstile,
        watchers: Watchers,
        key: SessionKey,
        *,
        request_id: str,
        recent: int,
        wait: timedelta,
    ) -> None:
        self._thread = thread
        self._turnstile = turnstile
        self._watchers = watchers
        self._key = key
        self._digest = bytes.fromhex(key.digest)
        self._request_id = request_id
        self._recent = recent
        self._wait = wait
        self._held = False
        self._loaded = Loaded(incarnation=0)
        self._writing: asyncio.Future[Any] | None = None

    @property
    def stored(self) -> StoredSession | None:
        return self._loaded.stored

    @property
    def recent(self) -> tuple[TurnRecord, ...]:
        return self._loaded.recent

    @property
    def repeat(self) -> TurnRecord | None:
        return self._loaded.repeat

    async def __aenter__(self) -> OpenSession:
        due = asyncio.get_running_loop().time() + self._wait.total_seconds()
        await self._turnstile.enter(self._key, self._wait)
        self._held = True
        try:
            await self._load(due)
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
        return await self._under_lease(
            lambda tables, now, held: tables.append(self._digest, self._loaded, new, now, held=held)
        )

    async def delete(self) -> None:
        """See `OpenSession.delete`."""
        if self._loaded.stored is None:
            raise ValueError("a new session can not be deleted")
        await self._under_lease(lambda tables, now, held: tables.delete(self._digest, self._loaded, now, held=held))

    async def _load(self, due: float) -> None:
        """Takes the lease and loads the session; looks again and again while another process holds it."""
        pause = _FIRST_WAIT
        while True:
            loading = self._submit(
                Step.OPEN,
                lambda tables, now, _: tables.load(self._digest, now, request_id=self._request_id, recent=self._recent),
            )
            try:
                self._loaded = await loading
            except SessionBusy:
                left = due - asyncio.get_running_loop().time()
                if left <= 0:
                    raise
            else:
                return
            await asyncio.sleep(min(left, pause * random.uniform(0.5, 1.0)))  # noqa: S311 (jitter is no secret)
            pause = min(2 * pause, _LONGEST_WAIT)

    async def _under_lease(self, work: Work[T]) -> T:
        if self._held:
            writing = self._submit(Step.COMMIT, work)
        else:
            # The lease may be another holder's by now, in this very process.
            writing = self._submit(Step.WRITE, lambda tables, now, _: work(tables, now, False))
        writing.add_done_callback(self._written)
        self._writing = writing
        return await asyncio.shield(writing)

    def _written(self, writing: asyncio.Future[T]) -> None:
        if writing.exception() is None:
            self._watchers.notify(self._key)
            self._release(given_up=True)

    def _submit(self, step: Step, work: Work[T]) -> asyncio.Future[T]:
        return self._thread.submit(step, work, session_id=self._key.session_id, digest=self._digest)

    def _release(self, *, given_up: bool = False) -> None:
        """Lets the next one have the session, after the lease among processes was `given_up`, or is going to be."""
        if not self._held:
            return
        self._held = False
        if not given_up:
            with contextlib.suppress(StoreUnavailable):
                self._submit(Step.RELEASE, _nothing).add_done_callback(asyncio.Future.exception)
        self._turnstile.leave(self._key)


def _nothing(_tables: SessionTables, _now: datetime, _held: bool) -> None:  # noqa: FBT001 (called by position)
    """The work of a job that concerns leases alone."""
