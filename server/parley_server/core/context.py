"""The state of one conversation: where it stands, what it knows, what was said last.

A `ConversationContext` never changes: each method that "sets" gives a new one, so that no two sessions, and no turn
that fails half-way, can share or spoil another's state.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from parley_server.core.slots import SlotsChange, SlotValue

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
"""A JSON value."""


def is_json(value: object) -> bool:
    """Whether a value is one of JSON that every client can read: no number beyond 64 bits, none that is not finite."""
    match value:
        case None | bool() | str():
            return True
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return math.isfinite(value)
        case list():
            return all(is_json(item) for item in value)
        case Mapping():
            return all(isinstance(name, str) and is_json(item) for name, item in value.items())
    return False


class ConversationPhase(StrEnum):
    """How far a conversation has come."""

    GREETING = "greeting"
    INFORMATION_GATHERING = "information_gathering"
    PROCESSING = "processing"
    CONFIRMATION = "confirmation"
    COMPLETION = "completion"


class Frame(msgspec.Struct, frozen=True):
    """Where one flow, or sub-conversation, stands."""

    flow: str
    state: str

    def __str__(self) -> str:
        return f"{self.flow}/{self.state}"


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A move of the conversation."""

    from_state: str
    """`flow/state`; empty for the first state."""
    to_state: str
    """`flow/state`; empty when nothing is left to go back to."""
    phase: ConversationPhase
    """The phase from here on."""


class Usage(msgspec.Struct, frozen=True):
    """What a language model was used."""

    input_tokens: int = 0
    """Tokens that were sent to it."""
    output_tokens: int = 0
    """Tokens that it wrote."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


class Summary(msgspec.Struct, frozen=True):
    """What was said before the turns that a language model is shown whole."""

    text: str
    through: int
    """The last turn that is in it."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn that was taken: what the user said and all that answered it."""

    turn: int
    """The number, from 1."""
    request_id: str
    """The idempotency key; empty when there was none."""
    user_message: str
    reply: str
    slots_changed: SlotsChange
    state_changed: tuple[StateChange, ...]
    intent: str
    """The intent of the message; empty when none was recognised."""
    started_at: datetime
    completed_at: datetime
    degraded: bool = False
    """Whether a language model gave no answer and rules or templates stood in for it."""
    usage: Usage = Usage()
    """What the turn used of language models."""
    private: bool = False
    """Whether the message may hold the value of a sensitive slot."""
    shown_reply: str | None = None
    """The reply without the values of sensitive slots; None: it holds none."""


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation."""

    role: str
    """`user` or `assistant`."""
    text: str


class Topic(StrEnum):
    """What a question of the conversation itself is about."""

    SLOT = "slot"
    """Whether a slot's value is right."""
    INTENT = "intent"
    """Which of several intents was meant."""
    DIGRESSION = "digression"
    """Whether to leave what is pending for another intent."""


class Question(msgspec.Struct, frozen=True):
    """A question of the conversation itself, which the next message may answer."""

    topic: Topic
    names: tuple[str, ...]
    """The slot, or the intents."""


class Handoff(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else has taken over the conversation; the assistant is quiet until the caller says that it is back."""

    reason: str
    summary: str
    """The values that are known and what was said last, for whoever takes over."""
    at: datetime
    """Since when, aware, UTC."""


class ConversationContext(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot of a session."""

    session_id: str
    assistant: str
    """The name of the assistant that leads the conversation."""
    assistant_version: str
    """The version of its definition that the session started with."""
    created_at: datetime
    """When the session began, aware, UTC."""
    updated_at: datetime
    """When its last turn was decided, aware, UTC."""
    user_id: str = ""
    """The user whom the session belongs to; empty until a turn gives one."""
    phase: ConversationPhase = ConversationPhase.GREETING
    stack: tuple[Frame, ...] = ()
    """The flow and, above it, the sub-conversations that interrupted it; empty before the first turn."""
    slots: Mapping[str, SlotValue] = {}
    """The values that are known. Not to be changed in place."""
    requested_slot: str = ""
    """The slot that was asked for last; empty: none."""
    attempts: int = 0
    """How often in a row the requested slot was asked for in vain."""
    misses: int = 0
    """How many messages in a row nobody understood."""
    skipped: tuple[str, ...] = ()
    """Slots that the running flow goes on without."""
    unconfirmed: tuple[str, ...] = ()
    """Slots whose value the user has yet to confirm."""
    confirmed: tuple[str, ...] = ()
    """Slots whose value, known before the running flow asked for it, the user said to be right."""
    question: Question | None = None
    """What the assistant has just asked besides a slot."""
    handoff: Handoff | None = None
    usage: Usage = Usage()
    """What the session has used of language models."""
    summary: Summary | None = None
    """What a language model is told of the turns that it is not shown."""
    metadata: Mapping[str, Json] = {}
    """What callers keep with the session. Not to be changed in place."""
    turn_count: int = 0
    """How many turns were taken."""
    locale: str = ""
    """The user's language, BCP 47."""
    time_zone: str = ""
    """The user's time zone, an IANA name."""
    history: tuple[Turn, ...] = ()
    """The last turns, in order, as many as were loaded. Kept in the session's log, not in the snapshot."""

    @property
    def frame(self) -> Frame | None:
        """Where the conversation stands: the top of the stack; None before the first turn."""
        return self.stack[-1] if self.stack else None

    @property
    def position(self) -> str:
        """The whole stack in words: `booking/details > opening_hours/answer`."""
        return " > ".join(map(str, self.stack))

    def get_slot(self, name: str) -> SlotValue | None:
        """The value of a slot; None if it has none."""
        return self.slots.get(name)

    def has_slot(self, name: str) -> bool:
        """Whether a slot has a value."""
        return name in self.slots

    def set_slot(self, name: str, value: SlotValue) -> "ConversationContext":
        """The same with a slot's value set."""
        return self.set_slots({name: value})

    def set_slots(self, values: Mapping[str, SlotValue]) -> "ConversationContext":
        """The same with the values of several slots set."""
        return replace(self, slots={**self.slots, **values}) if values else self

    def clear_slot(self, *names: str) -> "ConversationContext":
        """The same without the values of these slots."""
        if self.slots.keys().isdisjoint(names):
            return self
        return replace(self, slots={name: value for name, value in self.slots.items() if name not in names})

    def transition_to(self, state: str, *, phase: ConversationPhase | None = None) -> "ConversationContext":
        """The same with the top of the stack at another state of its flow, and in another phase if one is given."""
        frame = self.stack[-1]
        stack = (*self.stack[:-1], Frame(frame.flow, state))
        return replace(self, stack=stack, phase=phase or self.phase)

    def push(self, frame: Frame) -> "ConversationContext":
        """The same with a flow put on top of the stack."""
        return replace(self, stack=(*self.stack, frame))

    def pop(self) -> "ConversationContext":
        """The same without the top of the stack."""
        return replace(self, stack=self.stack[:-1])

    def merge_metadata(self, changes: Mapping[str, Json]) -> "ConversationContext":
        """The same with metadata merged in key by key; a None removes its key."""
        if not changes:
            return self
        merged = {**self.metadata, **changes}
        return replace(self, metadata={key: value for key, value in merged.items() if value is not None})

    def recent_messages(self, count: int) -> tuple[Message, ...]:
        """The last messages of user and assistant, in order; at most `count`, and of the turns that were loaded."""
        messages: list[Message] = []
        for turn in self.history:
            messages += [Message("user", turn.user_message), Message("assistant", turn.reply)]
        return tuple(messages[-count:]) if count > 0 else ()
