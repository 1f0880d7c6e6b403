"""`ConversationService` as gRPC calls it: each method reads the request, calls its use case and writes what that tells.

The methods are coroutines that write, not generators: a generator that waits at a `yield` is not cancelled with its
call.
"""

from contextlib import aclosing, closing
from datetime import timedelta

import grpc

from parley.v1 import conversation_pb2 as wire
from parley_server.errors import CallerStalled
from parley_server.ids import DEFAULT_TENANT, SessionKey
from parley_server.patience import Patience
from parley_server.rpc.boundary import Context, bounded
from parley_server.rpc.conversion import chat_command, chat_response, end_response, get_response
from parley_server.service.chat import Chat
from parley_server.service.events import TurnCompleted
from parley_server.service.sessions import Sessions

_WRITE_TIME = timedelta(seconds=30)

SERVICE: str = wire.DESCRIPTOR.services_by_name["ConversationService"].full_name


class ConversationServicer:
    """Carries the use cases over gRPC."""

    def __init__(self, chat: Chat, sessions: Sessions) -> None:
        """Takes the use cases."""
        self._chat = chat
        self._sessions = sessions

    async def Chat(self, request: wire.ChatRequest, context: Context) -> bytes:
        """Takes one turn; returns the last message."""
        listener = await self._chat.take(chat_command(request, DEFAULT_TENANT), _budget(context))
        writer = _Writer(context)
        try:
            while True:
                events = await listener.next()
                message = chat_response(events).SerializeToString()
                if isinstance(events[-1], TurnCompleted):
                    # Where it is not read, grpc keeps it for as long as the connection lasts; nothing else waits.
                    return message
                await writer.write(message)
        finally:
            writer.close()
            listener.leave()

    async def GetSession(self, request: wire.GetSessionRequest, context: Context) -> None:
        """Reads a session."""
        key = SessionKey(DEFAULT_TENANT, request.session_id)
        read = self._sessions.follow if request.follow else self._sessions.get
        async with aclosing(read(key, include_history=request.include_history, after_turn=request.after_turn)) as parts:
            with closing(_Writer(context)) as writer:
                async for part in parts:
                    await writer.write(get_response(part).SerializeToString())

    async def EndSession(self, request: wire.EndSessionRequest, context: Context) -> None:
        """Ends a session."""
        ending = self._sessions.end(
            SessionKey(DEFAULT_TENANT, request.session_id),
            include_history=request.include_history,
            allow_missing=request.allow_missing,
            budget=_budget(context),
        )
        async with aclosing(ending) as parts:
            with closing(_Writer(context)) as writer:
                async for part in parts:
                    await writer.write(end_response(part).SerializeToString())


def service_handler(servicer: ConversationServicer) -> grpc.GenericRpcHandler:
    """The service as grpc finds its methods: one handler for them all, each inside the boundary."""
    get = bounded("GetSession", wire.GetSessionRequest.FromString, servicer.GetSession)
    end = bounded("EndSession", wire.EndSessionRequest.FromString, servicer.EndSession)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        # What a unary handler returns leaves in one step with the status, which saves a sixth of a call. On the wire it
        # is a stream all the same, since the messages before were written.
        "Chat": grpc.unary_unary_rpc_method_handler(bounded("Chat", wire.ChatRequest.FromString, servicer.Chat)),
        "GetSession": grpc.unary_stream_rpc_method_handler(get),
        "EndSession": grpc.unary_stream_rpc_method_handler(end),
    }
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


class _Writer:
    """Writes to a caller who reads: one who does not would keep the use case waiting for ever.

    What is on its way to such a caller, one message at most, grpc keeps for as long as the connection lasts.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._patience: Patience | None = None

    async def write(self, message: bytes) -> None:
        """Writes a message.

        Raises:
            CallerStalled: The caller has not read for too long.
        """
        begins = self._patience is None
        patience = self._patience = self._patience or Patience()
        try:
            with patience.at_most(_WRITE_TIME.total_seconds()):
                if begins:
                    # Where the first message does not get through, grpc sends no status later: it would begin again.
                    await self._context.send_initial_metadata(())
                await self._context.write(message)
        except TimeoutError:
            raise CallerStalled from None

    def close(self) -> None:
        """Ends the writing."""
        if self._patience:
            self._patience.close()


def _budget(context: Context) -> timedelta | None:
    # Read once: grpc counts what remains by the wall clock, which may be set.
    remaining: float | None = context.time_remaining()
    # The stub says that there always is a deadline; without one it is None.
    return timedelta(seconds=max(remaining, 0)) if remaining is not None else None
