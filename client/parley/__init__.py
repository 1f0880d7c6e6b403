"""The client of parley, a gRPC conversation-state server.

    import asyncio, parley

    async def main():
        async with parley.AsyncClient("localhost:50051") as client:
            conversation = client.conversation(user_id="u-1")
            async for event in conversation.chat("a table for two, please"):
                match event:
                    case parley.TextDelta(text=text): print(text, end="")
            reply = await conversation.say("next Friday")
            print(reply.reply, reply.session.slots)

    asyncio.run(main())

`Client` is the same without asyncio. Both repeat a turn that failed in passing, with the same request_id, so that it is
applied once. Every error is a `ParleyError`.
"""

from parley.async_client import AsyncClient, AsyncConversation
from parley.channel import ChannelOptions
from parley.client import Client, Conversation
from parley.errors import (
    Applied,
    DeadlineExceeded,
    FieldViolation,
    InvalidRequest,
    Overloaded,
    ParleyError,
    Reason,
    RequestIdReused,
    SessionBusy,
    SessionNotFound,
    TurnConflict,
    TurnCountMismatch,
    Unavailable,
    UnknownAssistant,
    UserMismatch,
)
from parley.events import (
    Event,
    ExplanationStep,
    Heartbeat,
    Restarted,
    TextDelta,
    TurnCompleted,
    TurnStarted,
    Usage,
)
from parley.requests import ConflictPolicy, ConversationOptions, DisconnectPolicy, TurnOptions
from parley.retries import RetryPolicy
from parley.session import (
    EndedSession,
    Handoff,
    Json,
    Phase,
    RejectedSlot,
    Session,
    SlotsChanged,
    SlotValue,
    StateChanged,
    Turn,
)

__all__ = [
    "Applied",
    "AsyncClient",
    "AsyncConversation",
    "ChannelOptions",
    "Client",
    "ConflictPolicy",
    "Conversation",
    "ConversationOptions",
    "DeadlineExceeded",
    "DisconnectPolicy",
    "EndedSession",
    "Event",
    "ExplanationStep",
    "FieldViolation",
    "Handoff",
    "Heartbeat",
    "InvalidRequest",
    "Json",
    "Overloaded",
    "ParleyError",
    "Phase",
    "Reason",
    "RejectedSlot",
    "RequestIdReused",
    "Restarted",
    "RetryPolicy",
    "Session",
    "SessionBusy",
    "SessionNotFound",
    "SlotValue",
    "SlotsChanged",
    "StateChanged",
    "TextDelta",
    "Turn",
    "TurnCompleted",
    "TurnConflict",
    "TurnCountMismatch",
    "TurnOptions",
    "TurnStarted",
    "Unavailable",
    "UnknownAssistant",
    "Usage",
    "UserMismatch",
]
