"""`ConversationService` as gRPC calls it: each method reads the request, calls its use case and writes what that tells.

The methods are coroutines that write, not generators: a generator that waits at a `yield` is not cancelled with its
call.
"""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from parley.v1 import conversation_pb2 as wire
from parley.v1.conversation_pb2_grpc import ConversationServiceServicer
from parley_server.errors import CallerStalled
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.rpc.conversion import chat_command, chat_response, end_response, get_response
from parley_server.service.chat import Chat
from parley_server.service.sessions import Sessions

_WRITE_TIME = timedelta(seconds=30)

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ConversationServicer(ConversationServiceServicer):
    """Carries the use cases over gRPC."""

    def __init__(self, chat: Chat, sessions: Sessions) -> None:
        """Takes the use cases."""
        self._chat = chat
        self._sessions = sessions

    # The stubs know generators alone; grpc.aio takes a coroutine that writes as well.

    async def Chat(self, request: wire.ChatRequest, context: _Context) -> None:  # type: ignore[override]
        """Takes one turn."""
        listener = await self._chat.take(chat_command(request, DEFAULT_TENANT), _budget(context))
        try:
            while events := await listener.next():
                await _write(context, chat_response(events))
        finally:
            listener.leave()

    async def GetSession(self, request: wire.GetSessionRequest, context: _Context) -> None:  # type: ignore[override]
        """Reads a session."""
        key = SessionKey(DEFAULT_TENANT, request.session_id)
        read = self._sessions.follow if request.follow else self._sessions.get
        async with aclosing(read(key, include_history=request.include_history, after_turn=request.after_turn)) as parts:
            async for part in parts:
                await _write(context, get_response(part))

    async def EndSession(self, request: wire.EndSessionRequest, context: _Context) -> None:  # type: ignore[override]
        """Ends a session."""
        ending = self._sessions.end(
            SessionKey(DEFAULT_TENANT, request.session_id),
            include_history=request.include_history,
            allow_missing=request.allow_missing,
            budget=_budget(context),
        )
        async with aclosing(ending) as parts:
            async for part in parts:
                await _write(context, end_response(part))


async def _write(context: _Context, message: Message) -> None:
    # A caller who does not read would keep its call, and what it is to be sent, in memory for ever.
    try:
        async with asyncio.timeout(_WRITE_TIME.total_seconds()):
            await context.write(message)
    except TimeoutError:
        raise CallerStalled from None


def _budget(context: _Context) -> timedelta | None:
    # Read once: grpc counts what remains by the wall clock, which may be set.
    remaining: float | None = context.time_remaining()
    # The stub says that there always is a deadline; without one it is None.
    return timedelta(seconds=max(remaining, 0)) if remaining is not None else None
