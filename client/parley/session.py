"""What parley keeps of a conversation, as plain Python values.

This module must not know protobuf: `parley.conversion` makes these values out of messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Self, TypeAlias

SlotValue: TypeAlias = str | int | float | bool | date | time
"""The typed value of a slot. E-mail, phone (E.164) and choice are strings; a date is a `date`, never a `datetime`."""

Json: TypeAlias = "Mapping[str, Json] | list[Json] | str | float | bool | None"
"""What JSON can say. Numbers are doubles on the way; a whole one comes back as an int."""


class Phase(StrEnum):
    """How far a conversation has come."""

    UNSPECIFIED = "UNSPECIFIED"
    """A phase that this client is too old to know."""
    GREETING = "GREETING"
    """The conversation has begun."""
    INFORMATION_GATHERING = "INFORMATION_GATHERING"
    """The assistant collects what it needs."""
    PROCESSING = "PROCESSING"
    """The assistant works on the user's request."""
    CONFIRMATION = "CONFIRMATION"
    """The user is asked to confirm."""
    COMPLETION = "COMPLETION"
    """The conversation has reached its end."""

    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls("UNSPECIFIED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """A conversation that somebody else has taken over."""

    reason: str
    """Why."""
    summary: str
    """The values that are known and what was said last, a line each."""
    handed_off_at: datetime
    """Since when (aware, UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A conversation as it stands."""

    session_id: str
    user_id: str
    """The user whom the session belongs to; empty until a turn gives one."""
    assistant: str
    """The name of the assistant that leads the conversation."""
    assistant_version: str
    """The version of the assistant's definition, a hash of its content."""
    phase: Phase
    state: str
    """Where the conversation stands, `flow/state`; a sub-conversation follows what it interrupted after a ` > `."""
    turn_count: int
    """How many turns are committed: the session's version."""
    slots: Mapping[str, SlotValue]
    """The values that are known. One of a type that this client is too old to know is left out."""
    missing_slots: tuple[str, ...]
    """The required slots that the current form still lacks, in the order in which they are asked."""
    requested_slot: str
    """The slot that the assistant has just asked for; empty when it asked for none."""
    choices: tuple[str, ...]
    """What the requested slot may be, where it is a choice."""
    metadata: Mapping[str, Json]
    """What callers keep with the session."""
    created_at: datetime
    """When the first turn was committed (aware, UTC)."""
    updated_at: datetime
    """When the last turn was committed (aware, UTC)."""
    expires_at: datetime | None
    """When the session is forgotten unless another turn comes (aware, UTC); None: never."""
    handoff: Handoff | None
    """Set while somebody else leads the conversation; the assistant is quiet until a turn says `handed_back`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedSlot:
    """A value that was refused."""

    slot: str
    """The slot that it was offered for."""
    reason: str
    """Why it was refused, in words for the user."""
    raw_value: str
    """What was offered, as it came; empty for a sensitive slot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsChanged:
    """What a turn did to the slots. Also an event of the turn."""

    filled: Mapping[str, SlotValue]
    """The values that were set."""
    cleared: tuple[str, ...]
    """The slots that lost their value."""
    rejected: tuple[RejectedSlot, ...]
    """What was offered for a slot and refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """A move of the conversation. Also an event of the turn."""

    from_state: str
    """Where it was, `flow/state`; empty for the first state."""
    to_state: str
    """Where it is, `flow/state`; empty when the flow is over."""
    phase: Phase
    """The phase that holds from here on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One committed turn: what the user said and all that answered it."""

    turn: int
    """The number of the turn, from 1."""
    request_id: str
    """The idempotency key that it was sent with; empty when there was none."""
    user_message: str
    reply: str
    slots_changed: SlotsChanged | None
    """What the turn did to the slots; None when it left them alone."""
    state_changed: tuple[StateChanged, ...]
    """Each move of the conversation, in order."""
    intent: str
    """The intent of the message; empty when none was recognised."""
    started_at: datetime
    """When the turn began (aware, UTC)."""
    completed_at: datetime
    """When the turn was decided, just before its commit (aware, UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedSession:
    """A session that has ended and is gone from the server."""

    session: Session | None
    """Its final state; None when there was no such session and the call allowed that."""
    turns: tuple[Turn, ...]
    """Its history, when the call asked for it."""
