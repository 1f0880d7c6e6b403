"""What Redis tells of its own accord: that a session changed, that a lease was granted.

News make things prompt, and nothing else: they may be lost, and whoever needs to know for sure looks for itself. This
module must not know what the news are about.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from parley_server.stores.redis.connection import Connection, Push, Refusal

logger = logging.getLogger(__name__)

Callback: TypeAlias = Callable[[bytes], None]
"""Takes one piece of news; an empty one where some may have been lost."""

_PING_EVERY = 5.0
_PATIENCE = 2.0
_PAUSE = 0.5


class News:
    """One connection that listens: made when somebody follows a channel for the first time, and again when lost."""

    def __init__(self, connect: Callable[[Push], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._channels: dict[bytes, list[Callback]] = {}
        self._connection: Connection | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    @asynccontextmanager
    async def following(self, channel: bytes, callback: Callback) -> AsyncIterator[None]:
        """Has the callback called with all news of a channel from when the context was entered."""
        await self.follow(channel, callback)
        try:
            yield
        finally:
            self._leave(channel, callback)

    async def follow(self, channel: bytes, callback: Callback) -> None:
        """The same, for good. Returns when the server listens, or when that takes too long."""
        followers = self._channels.setdefault(channel, [])
        followers.append(callback)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        with contextlib.suppress(OSError, Refusal):
            async with asyncio.timeout(_PATIENCE):
                await self._connected.wait()
                if self._connection is not None:
                    await self._subscribe(self._connection, channel)

    async def close(self) -> None:
        """Listens no more."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _leave(self, channel: bytes, callback: Callback) -> None:
        followers = self._channels[channel]
        followers.remove(callback)
        if followers:
            return
        del self._channels[channel]
        if self._connection is not None:
            self._connection.tell("UNSUBSCRIBE", channel)

    async def _listen(self) -> None:
        while True:
            try:
                connection = await self._connect(self._hear)
            except (OSError, Refusal) as error:
                logger.debug("Redis tells no news: %s", type(error).__name__)
            else:
                try:
                    await self._attend(connection)
                finally:
                    self._connection = None
                    connection.abort()
                    self._connected.clear()
            await asyncio.sleep(_PAUSE)

    async def _attend(self, connection: Connection) -> None:
        """Listens until the connection is lost, or does not answer."""
        self._connection = connection
        with contextlib.suppress(OSError, Refusal):
            async with asyncio.timeout(_PATIENCE):
                await self._subscribe(connection, *self._channels)
            self._connected.set()
            for followers in list(self._channels.values()):
                for follower in followers:
                    follower(b"")
            while not connection.lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PING_EVERY):
                        await connection.lost.wait()
                async with asyncio.timeout(_PATIENCE):
                    await connection.ask("PING")

    async def _subscribe(self, connection: Connection, *channels: bytes) -> None:
        if channels:
            connection.tell("SUBSCRIBE", *channels)
        # Pushes answer no question, but the answer to this one comes after them.
        await connection.ask("PING")

    def _hear(self, push: list[Any]) -> None:
        if push[0] == b"message":
            for follower in self._channels.get(push[1], ()):
                follower(push[2])
