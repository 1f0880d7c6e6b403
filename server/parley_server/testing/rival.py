"""Another process that uses the same backing, and does what a test tells it.

Run as a program it takes orders on standard input, one a line: `count N`, `hold`, and then `commit`.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from parley_server.errors import ParleyError
from parley_server.ids import SessionKey
from parley_server.stores.options import StoreOptions
from parley_server.stores.protocol import StateStore
from parley_server.stores.registry import open_store

_WAIT = timedelta(seconds=30)


class Rival:
    """The process, as the test sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def start(cls, url: str, key: SessionKey, *, lease: timedelta) -> AsyncIterator["Rival"]:
        """Starts the process, and ends it in the end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "parley_server.testing.rival", url, key.tenant, key.session_id,
            str(lease.total_seconds()), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        rival = cls(process)
        try:
            yield rival
        finally:
            if process.returncode is None:
                rival.signal(signal.SIGKILL)
            await process.communicate()

    async def order(self, order: str) -> None:
        """Tells the process what to do."""
        assert self._process.stdin is not None  # noqa: S101 (it was started with a pipe)
        self._process.stdin.write(f"{order}\n".encode())
        await self._process.stdin.drain()

    async def answer(self) -> str:
        """Waits for a line of what the process has to say."""
        assert self._process.stdout is not None  # noqa: S101 (it was started with a pipe)
        async with asyncio.timeout(_WAIT.total_seconds()):
            return (await self._process.stdout.readline()).decode().strip()

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal."""
        self._process.send_signal(number)


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def _next_order() -> list[str]:
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.split()


async def _count(store: StateStore, key: SessionKey, times: int) -> None:
    """Counts on from the session's number, one turn at a time, and tells each number once it is committed."""
    for _ in range(times):
        async with store.open(key, wait=_WAIT) as session:
            number = b"%d" % (1 if session.stored is None else int(session.stored.snapshot) + 1)
            await session.commit(snapshot=number, request_id="", data=number, expires_in=None)
        _say(number.decode())


async def _hold(store: StateStore, key: SessionKey) -> None:
    """Holds the session until it is told to commit, and tells what came of that."""
    async with store.open(key, wait=_WAIT) as session:
        _say("held")
        await _next_order()
        try:
            await session.commit(snapshot=b"0", request_id="", data=b"0", expires_in=None)
        except ParleyError as error:
            _say(type(error).__name__)
        else:
            _say("committed")


async def _main(url: str, tenant: str, session_id: str, lease: str) -> None:
    options = StoreOptions(shared=True, lease=timedelta(seconds=float(lease)))
    store = await open_store(url, options=options)
    key = SessionKey(tenant, session_id)
    while order := await _next_order():
        if order[0] == "count":
            await _count(store, key, int(order[1]))
        else:
            await _hold(store, key)
    await store.close()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
