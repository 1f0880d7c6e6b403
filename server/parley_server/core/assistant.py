"""An assistant: one loaded definition, the same however it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from parley_server.core.branching import BranchingConversation
from parley_server.core.filling import SlotFiller
from parley_server.core.flow import DialogFlow
from parley_server.core.intents import IntentRouter
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.texts import Text


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """All that leads a conversation. It holds no state of any."""

    name: str
    version: str
    """A hash of the definition's content."""
    flows: Mapping[str, DialogFlow]
    """The flows by name. Flows and sub-conversations share one space of names."""
    initial_flow: str
    slots: SlotFiller = field(default_factory=lambda: SlotFiller(()))
    router: IntentRouter = field(default_factory=IntentRouter)
    branches: BranchingConversation = field(default_factory=BranchingConversation)
    sub_conversations: Mapping[str, SubConversation] = field(default_factory=dict)
    fallback: Text = "Sorry, I did not understand that."
    """Said when nothing else answers a message."""
    locale: str = "en-US"
    time_zone: str = "UTC"
    recent_turns: int = 0
    """How many of the last turns a context is loaded with; 0 where no part of the definition looks back."""

    @cached_property
    def machines(self) -> Mapping[str, DialogFlow]:
        """The machine of each flow and each sub-conversation, by name."""
        return {**self.flows, **{name: sub.flow for name, sub in self.sub_conversations.items()}}
