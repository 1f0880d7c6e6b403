"""A wire between a store and its Redis server that a test can cut."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self


class RedisProxy:
    """Relays every connection, and swallows answers when it is told to. Use `relaying`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._swallows = 0
        self._silent: set[asyncio.StreamWriter] = set()
        self._relays: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        self.swallowed = 0

    @classmethod
    @asynccontextmanager
    async def relaying(cls, target: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Relays to a port while the context lasts, from connections that use TLS if that is given."""
        proxy = cls(target)
        server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0, ssl=tls)
        proxy.port = server.sockets[0].getsockname()[1]
        try:
            yield proxy
        finally:
            server.close()
            for writer in proxy._relays.values():
                writer.transport.abort()
            await asyncio.gather(*proxy._relays)

    def swallow(self, answers: int = 1) -> None:
        """Lets the next answers not come through: the connection ends in their place."""
        self._swallows = answers

    def silence(self) -> None:
        """Lets nothing more come through the connections that there are, as when a router has forgotten them."""
        self._silent |= set(self._relays.values())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        self._relays[task] = to_server
        asking = asyncio.create_task(_pump(reader, to_server))
        try:
            while data := await from_server.read(65536):
                if self._swallows:
                    self._swallows -= 1
                    self.swallowed += 1
                    break
                if to_server not in self._silent:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            asking.cancel()
            writer.transport.abort()
            to_server.transport.abort()
            del self._relays[task]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
