"""A wire between a store and its Redis server that a test can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class RedisProxy:
    """Relays every connection, and swallows answers when it is told to. Use `relaying`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._swallows = 0
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0
        self.swallowed = 0

    @classmethod
    @asynccontextmanager
    async def relaying(cls, target: int) -> AsyncIterator[Self]:
        """Relays to a port while the context lasts."""
        proxy = cls(target)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            for relay in proxy._relays:
                relay.cancel()
            await asyncio.gather(*proxy._relays, return_exceptions=True)

    def swallow(self, answers: int = 1) -> None:
        """Lets the next answers not come through: the connection ends in their place."""
        self._swallows = answers

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        asking = asyncio.create_task(_pump(reader, to_server))
        try:
            while data := await from_server.read(65536):
                if self._swallows:
                    self._swallows -= 1
                    self.swallowed += 1
                    break
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            asking.cancel()
            writer.transport.abort()
            to_server.transport.abort()
            self._relays.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
