"""The SQLite store, as the event loop sees it.

This module must not block, nor know SQL: it hands jobs to a thread.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import apsw

from parley_server.errors import InvalidSettings, SessionCorrupt, StoreUnavailable
from parley_server.ids import SessionKey
from parley_server.stores.holds import Hold, Loaded, NewTurn
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import Durability, OpenSession, StoredSession, TurnRecord
from parley_server.stores.sqlite.runner import BatchRunner
from parley_server.stores.sqlite.tables import SessionTables
from parley_server.stores.sqlite.thread import BatchThread, Step, Work
from parley_server.stores.turnstile import Turnstile
from parley_server.stores.watchers import Watchers

T = TypeVar("T")

logger = logging.getLogger(__name__)

_LOOK_EVERY = timedelta(milliseconds=100)


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
    options.demand_existence(Path(path))
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
        self._desk = _Desk(self._thread)
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
        if has_wal_race(version):
            problem = f"SQLite {version} can lose data that several processes write: use 3.51.3 or newer"
            if options.shared:
                raise InvalidSettings(problem)
            logger.warning("%s", problem)
        runner = await asyncio.to_thread(BatchRunner, path, options)
        return cls(runner, options)

    def open(
        self, key: SessionKey, *, request_id: str = "", recent: int = 0, wait: timedelta = timedelta(0)
    ) -> AbstractAsyncContextManager[OpenSession]:
        """See `StateStore.open`."""
        return Hold(self._desk, self._turnstile, self._watchers, key, request_id=request_id, recent=recent, wait=wait)

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

    async def scan(self) -> AsyncIterator[StoredSession]:
        """See `StateStore.scan`."""
        damaged = last = 0
        while page := await self._read(lambda tables, now, _: tables.scan(last, now)):  # noqa: B023 (it is awaited)
            last = page[-1][0]
            for _, session in page:
                if session is None:
                    damaged += 1
                else:
                    yield session
        if damaged:
            raise SessionCorrupt("", f"a scan met damage in {damaged} places")

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


class _Desk:
    """Does for open sessions what they ask for; see `Desk`."""

    def __init__(self, thread: BatchThread) -> None:
        self._thread = thread

    def load(self, key: SessionKey, *, request_id: str, recent: int) -> asyncio.Future[Loaded]:
        digest = bytes.fromhex(key.digest)
        return self._thread.submit(
            Step.OPEN,
            lambda tables, now, _: tables.load(digest, now, request_id=request_id, recent=recent),
            session_id=key.session_id,
            digest=digest,
        )

    def append(self, key: SessionKey, opened: Loaded, new: NewTurn, *, held: bool) -> asyncio.Future[TurnRecord]:
        digest = bytes.fromhex(key.digest)
        return self._thread.submit(
            Step.COMMIT if held else Step.WRITE,
            lambda tables, now, ours: tables.append(digest, opened, new, now, held=held and ours),
            session_id=key.session_id,
            digest=digest,
        )

    def delete(self, key: SessionKey, opened: Loaded, *, held: bool) -> asyncio.Future[None]:
        digest = bytes.fromhex(key.digest)
        return self._thread.submit(
            Step.COMMIT if held else Step.WRITE,
            lambda tables, now, ours: tables.delete(digest, opened, now, held=held and ours),
            session_id=key.session_id,
            digest=digest,
        )

    def release(self, key: SessionKey) -> None:
        with contextlib.suppress(StoreUnavailable):
            future = self._thread.submit(Step.RELEASE, _nothing, digest=bytes.fromhex(key.digest))
            # Nobody waits for it, so that nobody else would look at its error.
            future.add_done_callback(asyncio.Future.exception)


def _nothing(_tables: SessionTables, _now: datetime, _held: bool) -> None:  # noqa: FBT001 (called by position)
    """The work of a job that concerns leases alone."""
