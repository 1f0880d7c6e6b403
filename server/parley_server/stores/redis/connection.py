"""One connection to a Redis server, shared by everybody who has something to ask of it.

What is asked at one moment leaves together, and answers come in the order of the questions. So one connection serves
any number of turns at once, nobody waits for a free one, and a caller that goes away can not leave its answer to the
next. This module must not know what the commands mean.
"""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias, cast

import hiredis

Word: TypeAlias = bytes | str | int
Push: TypeAlias = Callable[[list[Any]], None]
"""Takes what a server says of its own accord."""

_NOTHING = object()
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
_CODES = re.compile(
    r"\b(ASK|BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|MOVED|NOAUTH|NOPERM|NOREPLICAS|NOSCRIPT|OOM|READONLY|TRYAGAIN"
    r"|WRONGPASS|WRONGTYPE)\b"
)


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How a connection begins."""

    user: str = "default"
    password: str = field(default="", repr=False)
    database: int = 0
    tls: ssl.SSLContext | None = None


class Refusal(Exception):
    """An error that a server answered."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # Older servers wrap what failed inside a script into a message of their own.
        found = _CODES.search(message)
        self.code = found[1] if found else "ERR"


class Connection(asyncio.Protocol):
    """A connection that speaks RESP3. Use `connect`."""

    def __init__(self, on_push: Push | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_push = on_push
        self._reader = hiredis.Reader(replyError=Refusal, notEnoughData=_NOTHING)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._outbox: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()

    @classmethod
    async def connect(cls, address: Address, login: Login, on_push: Push | None = None) -> Self:
        """Connects and logs in. The caller bounds the time.

        Raises:
            OSError: The server can not be reached.
            Refusal: It does not let us in.
        """
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(on_push), *address, ssl=login.tls)
        try:
            words: list[Word] = ["HELLO", 3]
            if login.password:
                words += ["AUTH", login.user, login.password]
            await connection.ask(*words)
            if login.database:
                await connection.ask("SELECT", login.database)
        except BaseException:
            connection.abort()
            raise
        return connection

    def ask(self, *words: Word) -> asyncio.Future[Any]:
        """Sends a command. The result is its answer: Refusal or OSError if there is none."""
        answer = self._loop.create_future()
        if self._transport is None:
            answer.set_exception(ConnectionResetError("the connection is lost"))
            return answer
        self._waiting.append(answer)
        self.tell(*words)
        return answer

    def tell(self, *words: Word) -> None:
        """Sends a command that is answered by pushes alone."""
        if not self._outbox:
            self._loop.call_soon(self._flush)
        self._outbox.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub knows one word only

    def abort(self) -> None:
        """Ends the connection, and everything that was asked and not answered yet."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is there."""
        # A stream's is always one, though that of uvloop does not say so.
        self._transport = cast("asyncio.Transport", transport)
        # Otherwise the first turn after a quiet night finds out that a router has forgotten the connection.
        stream: socket.socket = transport.get_extra_info("socket")
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE.items():
            if hasattr(socket, option):
                stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)

    def data_received(self, data: bytes) -> None:
        """Some of an answer, or several of them."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self._take(reply)
        except hiredis.ProtocolError:
            # What comes after is anybody's guess, and must not be taken for an answer.
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """The connection is no more."""
        self._transport = None
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(ConnectionResetError("the connection was lost"))
        self.lost.set()

    def _take(self, reply: Any) -> None:
        if isinstance(reply, hiredis.PushNotification):
            if self._on_push is not None:
                self._on_push(reply)
            return
        if not self._waiting:
            # A refusal of something that pushes should have answered.
            self.abort()
            return
        answer = self._waiting.popleft()
        if answer.done():
            return
        if isinstance(reply, Refusal):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)

    def _flush(self) -> None:
        words, self._outbox = self._outbox, []
        if self._transport is not None:
            self._transport.write(b"".join(words))
