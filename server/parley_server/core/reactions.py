"""Reactions: what a branch, an intent, a transition or an action does to a conversation, said as data.

Whoever reacts hands one of these to the turn, which carries it out. Nobody else changes a context.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from parley_server.core.conditions import Scope
from parley_server.core.context import Json
from parley_server.core.generation import Generation
from parley_server.core.slots import SlotValue
from parley_server.core.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What to do, in this order: change slots and metadata, say, move."""

    clear: tuple[str, ...] = ()
    """Slots that lose their value."""
    fill: Mapping[str, SlotValue] = field(default_factory=dict)
    """Slots that get a value. It must be of the slot's type; its validator is not asked."""
    metadata: Mapping[str, Json] = field(default_factory=dict)
    """Merged into the session's; a None removes its key."""
    say: Text = ""
    generate: Generation | None = None
    """What the model says after that."""
    to: str = ""
    """The state of the current flow to go to."""
    start: str = ""
    """The flow to start anew instead of what is running, or `flow/state` to start it there. What its forms collect is
    forgotten, and the message is read again in the light of the new beginning."""
    call: str = ""
    """The flow or sub-conversation to start; what it interrupts goes on after it."""
    handoff: str = ""
    """Why somebody else is to take over the conversation; empty: nobody is."""

    @property
    def moves(self) -> bool:
        """Whether the conversation stands elsewhere afterwards."""
        return bool(self.to or self.start or self.call)


Action: TypeAlias = Callable[[Scope], "Reaction | Awaitable[Reaction | None] | None"]
"""Code of an assistant's author. None: nothing to do. A plain function runs in a thread and may block."""

Handler: TypeAlias = Reaction | Action
"""A reaction that is always the same, or code that makes one."""
