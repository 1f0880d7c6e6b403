"""Which server keeps a session: the only one, the one that Sentinels name, or the one that has its slot of a Cluster.

This module must not know what is asked of that server.
"""

import asyncio
from binascii import crc_hqx
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from parley_server.stores.redis.connection import Address, Connection, Login, Refusal, Word

T = TypeVar("T")

_SLOTS = 16384
_PATIENCE = 5.0


class Topology(Protocol):
    """Where the servers are."""

    @property
    def login(self) -> Login:
        """How a connection to one of them begins."""

    async def locate(self, key: bytes, /) -> Address:
        """Tells which server has a key.

        Raises:
            OSError: Nobody knows.
            Refusal: Who knows does not say.
        """

    async def everyone(self) -> Sequence[Address]:
        """Tells which servers have all the keys together. Raises as `locate` does."""

    def forget(self) -> None:
        """Asks anew next time: a server is gone, or is no longer what it was."""

    def learn(self, key: bytes, address: Address) -> None:
        """Takes note of where a server said that a key is now."""


class SingleServer:
    """One server."""

    def __init__(self, address: Address, login: Login) -> None:
        self.login = login
        self._address = address

    async def locate(self, _key: bytes, /) -> Address:
        """See `Topology.locate`."""
        return self._address

    async def everyone(self) -> Sequence[Address]:
        """See `Topology.everyone`."""
        return (self._address,)

    def forget(self) -> None:
        """See `Topology.forget`."""

    def learn(self, key: bytes, address: Address) -> None:
        """See `Topology.learn`."""


class _Question(Generic[T]):
    """A question that is put to the servers once for all who ask it while nobody has answered."""

    def __init__(self, ask: Callable[[Address], Awaitable[T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None

    async def answer(self, servers: Iterable[Address]) -> T:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(first_answer(self._ask, servers))
            self._asking.add_done_callback(hear_failure)
        # One of those who wait may go away, which the others must not suffer from.
        return await asyncio.shield(self._asking)


class SentinelService:
    """The master of a service, which changes when the Sentinels fail over."""

    def __init__(self, service: str, sentinels: Sequence[Address], sentinel_login: Login, login: Login) -> None:
        self.login = login
        self._service = service
        self._sentinels = sentinels
        self._sentinel_login = sentinel_login
        self._master: Address | None = None
        self._question = _Question(self._ask)

    async def locate(self, _key: bytes, /) -> Address:
        """See `Topology.locate`."""
        if self._master is None:
            self._master = await self._question.answer(self._sentinels)
        return self._master

    async def everyone(self) -> Sequence[Address]:
        """See `Topology.everyone`."""
        return (await self.locate(b""),)

    def forget(self) -> None:
        """See `Topology.forget`."""
        self._master = None

    def learn(self, key: bytes, address: Address) -> None:
        """See `Topology.learn`."""

    async def _ask(self, sentinel: Address) -> Address:
        question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        answer = await ask_once(sentinel, self._sentinel_login, *question)
        if answer is None:
            raise ConnectionRefusedError("the Sentinel does not know the service")
        host, port = answer
        address = Address(host.decode(), int(port))
        # A Sentinel may name the old master for a while, and that one may come back as a replica.
        role = await ask_once(address, self.login, "ROLE")
        if role[0] != b"master":
            raise ConnectionRefusedError("the server that the Sentinel names is no master")
        return address


class Cluster:
    """Several masters, each of which has some of the slots."""

    def __init__(self, seeds: Sequence[Address], login: Login) -> None:
        self.login = login
        self._seeds = seeds
        self._known: frozenset[Address] = frozenset(seeds)
        self._slots: list[Address | None] = []
        self._question = _Question(self._ask)

    async def locate(self, key: bytes, /) -> Address:
        """See `Topology.locate`."""
        if not self._slots:
            await self._map()
        address = self._slots[_slot(key)] if self._slots else None
        if address is None:
            raise ConnectionRefusedError("no server of the Cluster has the slot")
        return address

    async def everyone(self) -> Sequence[Address]:
        """See `Topology.everyone`."""
        if not self._slots:
            await self._map()
        return sorted({address for address in self._slots if address})

    def forget(self) -> None:
        """See `Topology.forget`."""
        self._slots = []

    def learn(self, key: bytes, address: Address) -> None:
        """See `Topology.learn`."""
        if self._slots:
            self._slots[_slot(key)] = address

    async def _map(self) -> None:
        self._slots = await self._question.answer(self._known.union(self._seeds))
        self._known = frozenset(address for address in self._slots if address)

    async def _ask(self, server: Address) -> list[Address | None]:
        slots: list[Address | None] = [None] * _SLOTS
        for first, last, master, *_replicas in await ask_once(server, self.login, "CLUSTER", "SLOTS"):
            # A server that does not know its own name means: the one that you have asked.
            host = master[0].decode() if master[0] else server.host
            slots[first : last + 1] = [Address(host, master[1])] * (last + 1 - first)
        if not any(slots):
            raise ConnectionRefusedError("the server knows of no slots")
        return slots


async def ask_once(address: Address, login: Login, *words: Word) -> Any:
    """Asks a server one thing over a connection of its own."""
    connection = await Connection.connect(address, login)
    try:
        return await connection.ask(*words)
    finally:
        connection.abort()


async def first_answer(ask: Callable[[Address], Awaitable[T]], servers: Iterable[Address]) -> T:
    """Asks several servers at once, since any of them may hang, and returns what the first of them answers.

    Raises:
        OSError: None of them answers. It says what came of the last one.
    """
    tasks = [asyncio.ensure_future(ask(server)) for server in servers]
    failure: Exception | None = None
    try:
        # It is bounded, since those who wait for it may all have gone away.
        for answer in asyncio.as_completed(tasks, timeout=_PATIENCE):
            try:
                return await answer
            except (OSError, Refusal) as error:
                failure = error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    raise ConnectionRefusedError(f"none of the servers answers: {failure}")


def hear_failure(task: asyncio.Task[Any]) -> None:
    """Takes note of a failure for those who waited for it: if all have gone away, asyncio takes it for overlooked."""
    if not task.cancelled():
        task.exception()


def _slot(key: bytes) -> int:
    """The slot of a key: of what stands between its first braces, if there are any."""
    _, opened, rest = key.partition(b"{")
    tag, closed, _ = rest.partition(b"}")
    return crc_hqx(tag if opened and closed and tag else key, 0) % _SLOTS
