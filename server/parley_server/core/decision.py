"""What a turn comes to."""

import msgspec

from parley_server.core.context import ConversationContext, StateChange
from parley_server.core.explanation import ExplanationStep
from parley_server.core.slots import SlotsChange


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn comes to; what it has come to so far, while it is being taken."""

    context: ConversationContext
    """The session after the turn, but for the count and the time of it."""
    reply: str
    shown_reply: str
    """The reply without the values of sensitive slots."""
    slots_changed: SlotsChange
    state_changed: tuple[StateChange, ...]
    intent: str
    private: bool
    """Whether the message may hold the value of a sensitive slot."""
    explanation: tuple[ExplanationStep, ...]
    """What was considered, if that was asked for."""
