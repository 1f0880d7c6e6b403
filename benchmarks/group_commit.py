"""The limit of SQLite with `synchronous=FULL`: sessions that commit together and do nothing else.

Each session hands in a snapshot and a turn record, waits for its commit, and hands in the next: to SQLite itself, or to
the store that parley keeps sessions in, which opens the session for each turn.
"""

import asyncio
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

import apsw

from benchmarks.slow_disk import slow_disk
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.stores.registry import open_store

_SNAPSHOT, _RECORD = b"s" * 400, b"t" * 400
_Job: TypeAlias = tuple[int, int, "asyncio.Future[None]"]


def store_turns_per_second(path: Path, *, sessions: int, seconds: float) -> float:
    """How many turns a second the SQLite store alone takes for so many sessions, on the same disk."""
    slow_disk()
    return asyncio.run(_measure_store(f"sqlite:///{path}", sessions, seconds))


async def _measure_store(url: str, sessions: int, seconds: float) -> float:
    store = await open_store(url)
    end = time.perf_counter() + seconds

    async def session(number: int) -> int:
        turns = 0
        while time.perf_counter() < end:
            async with store.open(SessionKey(DEFAULT_TENANT, str(number))) as opened:
                await opened.commit(snapshot=_SNAPSHOT, request_id="", data=_RECORD, expires_in=None)
            turns += 1
        return turns

    try:
        began = time.perf_counter()
        taken = sum(await asyncio.gather(*map(session, range(sessions))))
        return taken / (time.perf_counter() - began)
    finally:
        await store.close()


def commits_per_second(path: Path, *, sessions: int, seconds: float) -> float:
    """How many commits a second so many sessions get done, on a disk whose flush takes 2 ms."""
    slow_disk()
    return asyncio.run(_measure(path, sessions, seconds))


async def _measure(path: Path, sessions: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    jobs: SimpleQueue[_Job | None] = SimpleQueue()
    committer = threading.Thread(target=_commit, args=(path, jobs, loop))
    committer.start()
    end = time.perf_counter() + seconds

    async def session(number: int) -> int:
        version = 0
        while time.perf_counter() < end:
            done: asyncio.Future[None] = loop.create_future()
            jobs.put((number, version, done))
            await done
            version += 1
        return version

    began = time.perf_counter()
    committed = sum(await asyncio.gather(*map(session, range(sessions))))
    took = time.perf_counter() - began
    jobs.put(None)
    committer.join()
    return committed / took


def _commit(path: Path, jobs: SimpleQueue[_Job | None], loop: asyncio.AbstractEventLoop) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE sessions (id INTEGER PRIMARY KEY, version INTEGER, snapshot BLOB)")
    connection.execute(
        "CREATE TABLE turns (id INTEGER, turn INTEGER, record BLOB, PRIMARY KEY (id, turn)) WITHOUT ROWID"
    )
    while job := jobs.get():
        batch = [job]
        while not jobs.empty() and (more := jobs.get()):
            batch.append(more)
        connection.execute("BEGIN IMMEDIATE")
        for number, version, _ in batch:
            connection.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", (number, version + 1, _SNAPSHOT))
            connection.execute("INSERT INTO turns VALUES (?, ?, ?)", (number, version + 1, _RECORD))
        connection.execute("COMMIT")
        loop.call_soon_threadsafe(_settle, [done for _, _, done in batch])
    connection.close()


def _settle(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        future.set_result(None)
