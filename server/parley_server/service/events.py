"""What the use cases are asked and what they tell: plain data, the same whatever carries it to a caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec

from parley_server.core.context import ConversationContext, Json, StateChange, Turn, Usage
from parley_server.core.explanation import ExplanationStep
from parley_server.core.slots import SlotsChange, SlotValue
from parley_server.ids import DEFAULT_TENANT


class ChatCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One turn to take; the fields are those of `ChatRequest` in `conversation.proto`."""

    message: str
    tenant: str = DEFAULT_TENANT
    session_id: str = ""
    request_id: str = ""
    user_id: str = ""
    assistant: str = ""
    slots: Mapping[str, SlotValue] = {}
    metadata: Mapping[str, Json] = {}
    expected_turn_count: int | None = None
    queue: bool = True
    """Whether to wait for a running turn of the session."""
    survives: bool = False
    """Whether the turn goes on when its caller goes away."""
    dry_run: bool = False
    locale: str = ""
    time_zone: str = ""
    handed_back: bool = False
    """Whether a conversation that was handed off is the assistant's again."""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as callers see it."""

    context: ConversationContext
    missing_slots: tuple[str, ...]
    """The required slots that the current form still lacks."""
    choices: tuple[str, ...]
    """What the requested slot may be, where it is a choice."""
    expires_at: datetime | None


class TurnStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A turn has begun."""

    session_id: str
    turn: int
    created: bool


class TextDelta(msgspec.Struct, frozen=True):
    """A piece of the reply."""

    text: str
    offset: int
    """Where it begins in the reply, in code points."""


class TurnCompleted(msgspec.Struct, frozen=True, kw_only=True):
    """A turn is durable."""

    reply: str
    session: SessionView
    replayed: bool = False
    degraded: bool = False
    """Whether a language model gave no answer and rules or templates stood in for it."""
    usage: Usage = Usage()
    """What it used of language models."""
    explanation: tuple[ExplanationStep, ...] = ()


class Heartbeat(msgspec.Struct, frozen=True):
    """Nothing new."""


ChatEvent: TypeAlias = TurnStarted | SlotsChange | StateChange | TextDelta | Heartbeat | TurnCompleted


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is gone from the store."""


SessionPart: TypeAlias = SessionView | tuple[Turn, ...] | Ended
"""A part of a session that is read: the session, a page of its history, or its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the use cases allow."""

    message_bytes: int = 16 * 1024
    """The longest message, in bytes of UTF-8."""
    slots: int = 256
    """The most slots that a caller may give."""
    metadata_bytes: int = 32 * 1024
    """The largest metadata of a session, in bytes of JSON."""
    reply_bytes: int = 64 * 1024
    """The longest reply, in bytes of UTF-8."""
    waiting_turns: int = 64
    """The most turns that may wait for one session in this server."""
    turn_budget: timedelta = timedelta(seconds=60)
    """The longest a turn may take when its caller sets no deadline."""
    idle_expiry: timedelta | None = timedelta(hours=1)
    """How long a session outlives its last turn; None: for ever."""
