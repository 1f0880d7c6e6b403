"""Who may hold a session among all store objects: taking, keeping and giving up leases.

This module must not know what is done under a lease.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from parley_server.errors import SessionBusy, StoreError
from parley_server.stores.redis.frames import MILLISECOND, Unreadable
from parley_server.stores.redis.news import News
from parley_server.stores.redis.nodes import Nodes
from parley_server.stores.redis.scripts import Scripts

_LOOK_AGAIN = 0.5
"""Seconds after which whoever waits looks again at the latest, so that it hears soon of a Redis that is silent."""


class Leases:
    """The leases of one store object. Each is known by its token, and one task renews them all."""

    def __init__(self, nodes: Nodes, scripts: Scripts, news: News, lease: timedelta) -> None:
        self._nodes = nodes
        self._scripts = scripts
        self._news = news
        self._name = secrets.token_hex(8)
        self._numbers = count()
        self._lease = lease
        # How long a lease waits for the one that it was granted to, who may have died.
        self.grace_ms = max(lease // (3 * MILLISECOND), 1)
        self._held: dict[str, Sequence[bytes]] = {}
        self._grants: dict[str, asyncio.Event] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._owed: set[asyncio.Task[None]] = set()
        self._listens = False
        self._closed = False
        self._renewal = asyncio.create_task(self._renew())

    def nonce(self) -> str:
        """Makes a name that nobody else has made or will make: 24 characters, the first 16 are this object's."""
        return f"{self._name}{next(self._numbers) & 0xFFFFFFFF:08x}"

    async def take(self, token: str, keys: Sequence[bytes], *, due: float | None, request_id: str, recent: int) -> Any:
        """Takes a lease and returns what the script `acquire` loaded. It must be given up, also when this fails.

        Args:
            token: What the lease is going to be known by.
            keys: The keys of the session.
            due: Until when to wait for it, by the event loop's time; None: not at all.
            request_id: The record to load; empty: none.
            recent: How many of the last records to load.

        Raises:
            SessionBusy: Somebody else has it, and the wait is over.
        """
        self._held[token] = keys
        granted = self._grants[token] = asyncio.Event()
        lease_ms = self._lease // MILLISECOND
        words = (token, lease_ms, int(due is not None), request_id, recent)
        while isinstance(answer := await self._nodes.run(self._scripts.acquire, keys, *words), int):
            left = 0.0 if due is None else due - asyncio.get_running_loop().time()
            if left <= 0:
                raise SessionBusy
            if await self._listen():
                # The news of a grant may be lost, and the holder may die: it looks again after a while all the same.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, max(answer, 1) / 1000, lease_ms / 10_000, _LOOK_AGAIN)):
                        await granted.wait()
                granted.clear()
        del self._grants[token]
        return answer

    def forget(self, token: str) -> None:
        """Keeps a lease no longer that was given up by a script."""
        self._held.pop(token, None)
        self._grants.pop(token, None)

    def give_up(self, token: str, keys: Sequence[bytes]) -> asyncio.Task[None]:
        """Begins to give up a lease, or the place in its queue. It ends without an error."""
        self.forget(token)
        ending = asyncio.create_task(self._give_up(token, keys))
        _keep(self._endings, ending)
        return ending

    async def close(self) -> None:
        """Gives up all leases."""
        self._closed = True
        for token, keys in list(self._held.items()):
            _keep(self._endings, asyncio.create_task(self._give_up(token, keys)))
        await asyncio.gather(*self._endings)
        for task in (self._renewal, *self._owed):
            task.cancel()
        await asyncio.gather(self._renewal, *self._owed, return_exceptions=True)

    async def _give_up(self, token: str, keys: Sequence[bytes]) -> None:
        try:
            await self._nodes.run(self._scripts.release, keys, token, self.grace_ms)
        except (StoreError, Unreadable):
            if not self._closed:
                _keep(self._owed, asyncio.create_task(self._insist(token, keys)))

    async def _insist(self, token: str, keys: Sequence[bytes]) -> None:
        """Tries to give up a lease for as long as it lasts, so that its session is free soon after the store healed."""
        for _ in range(10):
            await asyncio.sleep(self._lease.total_seconds() / 10)
            with contextlib.suppress(StoreError, Unreadable):
                await self._nodes.run(self._scripts.release, keys, token, self.grace_ms)
                return

    async def _listen(self) -> bool:
        """Begins to listen to grants, and says whether it had begun before."""
        if self._listens:
            return True
        self._listens = True
        await self._news.follow(b"parley:grants:%b" % self._name.encode(), self._hear)
        return False

    def _hear(self, token: bytes) -> None:
        granted = [self._grants.get(token.decode())] if token else [*self._grants.values()]
        for event in granted:
            if event is not None:
                event.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            renewals = (self._renew_one(token, keys) for token, keys in self._held.items())
            await asyncio.gather(*renewals)

    async def _renew_one(self, token: str, keys: Sequence[bytes]) -> None:
        with contextlib.suppress(StoreError, Unreadable):
            await self._nodes.run(self._scripts.renew, keys, token, self._lease // MILLISECOND)


def _keep(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    """Remembers a task that nobody may wait for until it is done: the event loop itself would forget it."""
    tasks.add(task)
    task.add_done_callback(tasks.discard)
