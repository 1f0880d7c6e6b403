"""Runs scripts on the servers, and turns whatever can go wrong there into the store's errors: the only place that does.

This module must not know what the scripts are for.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from parley_server.errors import StoreFull, StoreUnavailable
from parley_server.stores.redis.connection import Address, Connection, Push, Refusal, Word
from parley_server.stores.redis.frames import Unreadable
from parley_server.stores.redis.scripts import Script
from parley_server.stores.redis.topology import Topology, hear_failure

_PAUSES = (0.0, 0.05)
"""Seconds before what failed is tried again."""
_MOVING_PAUSE = 0.02
"""Seconds before a slot on the way to another server is asked for again, for as long as a step may take."""
_SCAN_KEYS = 20
"""How many keys a server looks at in one step."""
_ELSEWHERE = {"MOVED", "READONLY", "MASTERDOWN"}
"""The server is not, or no longer, the one to ask."""
_LATER = {"BUSY", "CLUSTERDOWN", "LOADING"}
"""The server is not ready."""
_MOVING = {"ASK", "TRYAGAIN"}
"""The slot is on the way to another server, and neither has all the keys of a session for now."""
_NOT_RUN = _ELSEWHERE | _LATER | _MOVING | {"MISCONF", "NOAUTH", "NOREPLICAS", "NOSCRIPT", "OOM"}
"""Refusals that come before anything was changed. A lack of rights may show in the midst of a script."""


@dataclass(slots=True)
class _Run:
    """How far a script has come."""

    waits_on: Connection | None = None
    """The connection that owes an answer."""
    unsure: bool = False
    """Whether it was sent and may have run."""


Verify: TypeAlias = Callable[[Connection], Awaitable[None]]
"""Raises StoreUnavailable if a server is unfit."""


class Nodes:
    """The servers of a store, with one connection to each, which everybody shares."""

    def __init__(self, topology: Topology, *, timeout: timedelta, replicas: int = 0) -> None:
        self._topology = topology
        self._timeout = timeout.total_seconds()
        self._replicas = replicas
        # Redis stops listening to a connection that waits for replicas: such commits have one of their own.
        self._connections: dict[tuple[Address, bool], asyncio.Task[Connection]] = {}
        self._verify: Verify | None = None
        self._closed = False

    async def run(self, script: Script, keys: Sequence[bytes], *words: Word) -> Any:
        """Runs a script on the server that has its keys, and once more where that may help and can not harm.

        Raises:
            StoreFull: The server has no memory left. Nothing has changed.
            StoreUnavailable: No answer in time, or a refusal.
            Unreadable: The keys hold something that is not ours.
        """
        run = _Run()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._run(run, script, keys, words)
        except StoreUnavailable as error:
            # An earlier attempt may have been applied.
            error.maybe_applied = script.changes and (error.maybe_applied or run.unsure)
            raise
        except (OSError, Refusal) as error:
            if isinstance(error, TimeoutError):
                self._topology.forget()
                if run.waits_on:
                    # Nothing that was asked after this will be answered either.
                    run.waits_on.abort()
            raise _failure(error, maybe_applied=script.changes and run.unsure) from error

    async def everyone(self) -> Sequence[Connection]:
        """Connects to every server.

        Raises:
            OSError: One of them can not be reached in time.
            Refusal: One of them refuses.
        """
        async with asyncio.timeout(self._timeout):
            return [await self._connection(address) for address in await self._topology.everyone()]

    def guard(self, verify: Verify) -> None:
        """From here on, verifies every new connection before anything is asked over it."""
        self._verify = verify

    async def scan(self, pattern: str) -> AsyncIterator[Sequence[bytes]]:
        """Gives the keys of all servers that match a pattern, each at least once if it is there from first to last.

        Raises:
            StoreUnavailable: A server does not answer in time, or refuses.
        """
        try:
            for address in await self._topology.everyone():
                cursor = None
                while cursor != b"0":
                    async with asyncio.timeout(self._timeout):
                        connection = await self._connection(address)
                        cursor, keys = await connection.ask("SCAN", cursor or 0, "MATCH", pattern, "COUNT", _SCAN_KEYS)
                    yield keys
        except (OSError, Refusal) as error:
            self._topology.forget()
            raise _failure(error, maybe_applied=False) from error

    async def listen(self, on_push: Push) -> Connection:
        """Makes a connection of the caller's own to one of the servers. Raises as `everyone` does."""
        try:
            async with asyncio.timeout(self._timeout):
                address = secrets.choice(await self._topology.everyone())
                return await Connection.connect(address, self._topology.login, on_push)
        except OSError:
            self._topology.forget()
            raise

    async def close(self) -> None:
        """Ends all connections; what was asked and not answered yet fails."""
        self._closed = True
        for connecting in self._connections.values():
            connecting.cancel()
        for outcome in await asyncio.gather(*self._connections.values(), return_exceptions=True):
            if isinstance(outcome, Connection):
                outcome.abort()
                await outcome.lost.wait()

    async def _run(self, run: _Run, script: Script, keys: Sequence[bytes], words: Sequence[Word]) -> Any:
        for pause in _PAUSES:
            try:
                return await self._attempt_while_moving(run, script, keys, words)
            except Refusal as refusal:
                if refusal.code in _ELSEWHERE:
                    self._redirect(keys[0], refusal)
                elif refusal.code not in _LATER:
                    raise
            except OSError:
                self._topology.forget()
                if run.unsure and not script.repeatable:
                    raise
            await asyncio.sleep(pause)
        return await self._attempt_while_moving(run, script, keys, words)

    async def _attempt_while_moving(
        self, run: _Run, script: Script, keys: Sequence[bytes], words: Sequence[Word]
    ) -> Any:
        while True:
            try:
                return await self._attempt(run, script, keys, words)
            except Refusal as refusal:
                if refusal.code not in _MOVING:
                    raise
            await asyncio.sleep(_MOVING_PAUSE)

    async def _attempt(self, run: _Run, script: Script, keys: Sequence[bytes], words: Sequence[Word]) -> Any:
        confirming = script.changes and self._replicas > 0
        connection = await self._connection(await self._topology.locate(keys[0]), confirming=confirming)
        unsure, run.unsure, run.waits_on = run.unsure, True, connection
        ask = partial(self._ask_confirmed, connection) if confirming else connection.ask
        try:
            try:
                return await ask("EVALSHA", script.digest, len(keys), *keys, *words)
            except Refusal as refusal:
                if refusal.code != "NOSCRIPT":
                    raise
                # The server forgot it when it was restarted, or was another one then.
                return await ask("EVAL", script.text, len(keys), *keys, *words)
        except Refusal as refusal:
            run.waits_on = None
            run.unsure = unsure or refusal.code not in _NOT_RUN
            raise

    async def _ask_confirmed(self, connection: Connection, *words: Word) -> Any:
        """Asks, and waits until enough replicas have what that has written."""
        wait: Sequence[Word] = ("WAIT", self._replicas, int(500 * self._timeout))
        answers: Sequence[Any] = await asyncio.gather(
            connection.ask(*words), connection.ask(*wait), return_exceptions=True
        )
        answer, replicas = answers
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(replicas, OSError):
            raise replicas
        if not isinstance(replicas, int) or replicas < self._replicas:
            raise StoreUnavailable(f"fewer than {self._replicas} replicas confirmed the turn", maybe_applied=True)
        return answer

    async def _connection(self, address: Address, *, confirming: bool = False) -> Connection:
        if self._closed:
            raise ConnectionAbortedError("the store is closed")
        connecting = self._connections.get((address, confirming))
        if connecting is None or _is_spent(connecting):
            connecting = self._connections[address, confirming] = asyncio.create_task(self._connect(address))
            connecting.add_done_callback(hear_failure)
        if connecting.done():
            return connecting.result()
        return await asyncio.shield(connecting)

    async def _connect(self, address: Address) -> Connection:
        async with asyncio.timeout(self._timeout):
            connection = await Connection.connect(address, self._topology.login)
            if self._verify is not None:
                try:
                    await self._verify(connection)
                except BaseException:
                    connection.abort()
                    raise
            return connection

    def _redirect(self, key: bytes, refusal: Refusal) -> None:
        if refusal.code == "MOVED":
            self._topology.learn(key, _address_in(refusal))
        else:
            self._topology.forget()


def _is_spent(connecting: asyncio.Task[Connection]) -> bool:
    if not connecting.done():
        return False
    return connecting.cancelled() or connecting.exception() is not None or connecting.result().lost.is_set()


def _address_in(refusal: Refusal) -> Address:
    """The address in `MOVED SLOT HOST:PORT`."""
    host, _, port = str(refusal).split()[2].rpartition(":")
    return Address(host, int(port))


def _failure(error: Exception, *, maybe_applied: bool) -> Exception:
    """The store's error for a failure. It is shown to callers, so it does not repeat what the server said."""
    if isinstance(error, Refusal):
        if error.code == "OOM":
            return StoreFull()
        if error.code == "WRONGTYPE":
            return Unreadable("its key holds something else")
        return StoreUnavailable(f"Redis refused ({error.code})", maybe_applied=maybe_applied)
    problem = "did not answer in time" if isinstance(error, TimeoutError) else "can not be reached"
    return StoreUnavailable(f"Redis {problem}", maybe_applied=maybe_applied)
