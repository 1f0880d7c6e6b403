"""A server that says what a test has written down, one attempt after another, and the callers that listen to it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

import parley
from parley.v1 import conversation_pb2
from parley.v1.conversation_pb2_grpc import ConversationServiceServicer, add_ConversationServiceServicer_to_server

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Connect: TypeAlias = "Callable[..., Caller]"
"""Makes a caller, with settings of the client other than the usual ones."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the server answers one call: with messages, then with a status."""

    responses: Sequence[Message] = ()
    status: status_pb2.Status | None = None
    """None: the stream ends well."""
    hangs: bool = False
    """Whether the stream stays open after the messages."""


def broken(status: grpc.StatusCode) -> status_pb2.Status:
    """Returns a status as the transport makes it."""
    return status_pb2.Status(code=status.value[0], message="the transport failed")


def refused(
    status: grpc.StatusCode,
    reason: str,
    *,
    applied: str = "no",
    retry_after: timedelta | None = None,
    details: Sequence[Message] = (),
    **metadata: str,
) -> status_pb2.Status:
    """Returns a status as parley makes it."""
    told = error_details_pb2.ErrorInfo(reason=reason, domain="parley.v1", metadata={"applied": applied, **metadata})
    refusal = status_pb2.Status(code=status.value[0], message=f"refused: {reason}")
    refusal.details.add().Pack(told)
    if retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(retry_after)
        refusal.details.add().Pack(retry)
    for detail in details:
        refusal.details.add().Pack(detail)
    return refusal


def raised(status: status_pb2.Status) -> grpc.RpcError:
    """Returns what a call raises that a status has ended."""
    ended = rpc_status.to_status(status)
    trailers = grpc.aio.Metadata(*ended.trailing_metadata)
    return grpc.aio.AioRpcError(ended.code, grpc.aio.Metadata(), trailers, details=ended.details)


class ScriptedService(ConversationServiceServicer):
    """Answers each call with the next attempt of its script, and keeps what it was asked."""

    def __init__(self) -> None:
        self.script: deque[Attempt] = deque()
        self.requests: list[Any] = []
        self.seconds_left: list[float | None] = []
        self.given_up = asyncio.Event()
        """Set when a caller has left a stream that hangs."""

    async def Chat(  # noqa: N802 The name is the contract's.
        self, request: conversation_pb2.ChatRequest, context: Context
    ) -> AsyncIterator[Any]:
        async for response in self._answer(request, context):
            yield response

    async def GetSession(  # noqa: N802 The name is the contract's.
        self, request: conversation_pb2.GetSessionRequest, context: Context
    ) -> AsyncIterator[Any]:
        async for response in self._answer(request, context):
            yield response

    async def EndSession(  # noqa: N802 The name is the contract's.
        self, request: conversation_pb2.EndSessionRequest, context: Context
    ) -> AsyncIterator[Any]:
        async for response in self._answer(request, context):
            yield response

    async def _answer(self, request: Message, context: Context) -> AsyncIterator[Message]:
        self.requests.append(request)
        self.seconds_left.append(context.time_remaining())
        attempt = self.script.popleft()
        for response in attempt.responses:
            yield response
        if attempt.hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up.set()
        if attempt.status is not None:
            await context.abort_with_status(rpc_status.to_status(attempt.status))


@asynccontextmanager
async def serving(service: ConversationServiceServicer) -> AsyncIterator[str]:
    """Serves on a free port of the loopback interface; gives the address."""
    server = grpc.aio.server()
    add_ConversationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@dataclass(slots=True)
class Heard:
    """What a call gave."""

    items: list[Any] = field(default_factory=list)
    error: parley.ParleyError | None = None


class Caller(Protocol):
    """One of the two clients, so that a test can be written once for both."""

    client: Any
    pauses: list[float]
    """What the client would have waited before retries, in seconds."""

    async def hear(self, call: Callable[[Any], Any]) -> Heard:
        """Makes a call and collects all that it gives, up to its error."""

    async def close(self) -> None:
        """Closes the client."""


class AsyncCaller:
    """Calls with `parley.AsyncClient`."""

    def __init__(self, target: str, **settings: Any) -> None:
        self.pauses: list[float] = []
        self.client = parley.AsyncClient(target, sleep=self._pause, **settings)

    async def hear(self, call: Callable[[parley.AsyncClient], AsyncIterator[Any] | Awaitable[Any]]) -> Heard:
        heard = Heard()
        try:
            result = call(self.client)
            if isinstance(result, AsyncIterator):
                async for item in result:
                    heard.items.append(item)
            else:
                heard.items.append(await result)
        except parley.ParleyError as error:
            heard.error = error
        return heard

    async def close(self) -> None:
        await self.client.close()

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class ThreadCaller:
    """Calls with `parley.Client`, in a thread of its own, since the server has the event loop."""

    def __init__(self, target: str, **settings: Any) -> None:
        self.pauses: list[float] = []
        self.client = parley.Client(target, sleep=self.pauses.append, **settings)

    async def hear(self, call: Callable[[parley.Client], Iterator[Any] | Any]) -> Heard:
        return await asyncio.to_thread(self._hear, call)

    async def close(self) -> None:
        self.client.close()

    def _hear(self, call: Callable[[parley.Client], Iterator[Any] | Any]) -> Heard:
        heard = Heard()
        try:
            result = call(self.client)
            heard.items.extend(result if isinstance(result, Iterator) else [result])
        except parley.ParleyError as error:
            heard.error = error
        return heard


def turn(*events: conversation_pb2.ChatEvent) -> list[conversation_pb2.ChatResponse]:
    """Returns one message for each event."""
    return [conversation_pb2.ChatResponse(events=[event]) for event in events]


def said(pieces: Iterable[str]) -> list[conversation_pb2.ChatEvent]:
    """Returns the events of a reply that comes in pieces."""
    events = []
    offset = 0
    for piece in pieces:
        delta = conversation_pb2.TextDelta(text=piece, offset=offset)
        events.append(conversation_pb2.ChatEvent(text_delta=delta))
        offset += len(piece)
    return events
