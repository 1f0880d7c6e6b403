"""What happens in a turn, as plain Python values. `SlotsChanged` and `StateChanged` are in `parley.session`.

This module must not know protobuf: `parley.conversion` makes these values out of messages.
"""

from dataclasses import dataclass
from typing import TypeAlias

from parley.session import Session, SlotsChanged, StateChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    """A turn has begun. Always first."""

    session_id: str
    """The session, which the server may have named."""
    turn: int
    """The number of the turn, from 1."""
    created: bool
    """Whether this turn creates the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """A piece of the reply, provisional until the turn is completed."""

    text: str
    offset: int
    """Where the piece begins in the reply, in code points: an index of Python's `str`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Nothing new: the turn goes on. Handed out only when asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """Everything that was handed out of this turn so far is void: drop it, what follows is the turn from its beginning.

    The client makes this event itself: when it had to repeat a turn that had not been committed and the turn then went
    another way, since a model seldom writes the same reply twice; and when a model broke off in the midst of its text,
    and a template says it instead.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a model was used."""

    input_tokens: int
    """Tokens that were sent to the model."""
    output_tokens: int
    """Tokens that the model wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplanationStep:
    """One thing that a turn considered."""

    kind: str
    """What kind of thing: `timer`, `handoff`, `slot`, `branch`, `question`, `sub_conversation`, `intent`, `transition`,
    `form`, `next`, `command`, `generate` or `fallback`; more may come."""
    name: str
    taken: bool
    reason: str
    """Why it was taken or left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnCompleted:
    """The turn is durable. Always last."""

    reply: str
    """The whole reply."""
    session: Session
    """The session after the turn; in a replay, as it stands now."""
    replayed: bool
    """Whether this is the reply of a turn that had been committed before."""
    degraded: bool
    """Whether the model could not be reached and the rules answered."""
    usage: Usage
    """What the model was used for this turn."""
    explanation: tuple[ExplanationStep, ...]
    """Everything that the turn considered, in order; empty unless it was a dry run."""


Event: TypeAlias = TurnStarted | SlotsChanged | StateChanged | TextDelta | Heartbeat | Restarted | TurnCompleted
"""Something that happened in a turn."""
