"""An assistant: one loaded definition, the same however it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from parley_server.core.branching import BranchingConversation
from parley_server.core.filling import SlotFiller
from parley_server.core.flow import DialogFlow
from parley_server.core.generation import ModelProfile, Nlu
from parley_server.core.intents import IntentRouter
from parley_server.core.slots import GiveUp, SlotValue
from parley_server.core.sub_conversations import SubConversation
from parley_server.core.texts import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What happens to a message that nothing else answers."""

    say: Text = "Sorry, I did not understand that."
    max_attempts: int = 0
    """How many such messages in a row are answered so; 0: any number."""
    give_up: GiveUp = GiveUp.HANDOFF
    """What then: `handoff` or `cancel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What an assistant says of itself. Each may be replaced."""

    cancelled: Text = "All right, let us start again."
    ended: Text = "All right."
    """A sub-conversation was cancelled."""
    help: Text = 'You can answer the question, or say "repeat", "restart" or "cancel".'
    skipped: Text = "All right."
    needed: Text = "I am afraid that I need it."
    """A slot can not be skipped."""
    who: Text = "I am an automated assistant."
    thanks: Text = "You are welcome."
    clarify: Text = "Did you mean: "
    """What comes before the intents that a message may have."""
    digress: Text = "Shall we leave this for now?"
    handoff: Text = "I hand you over to a colleague."


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The rule by which an assistant takes over sessions of its older versions."""

    versions: frozenset[str] = frozenset()
    """The versions that it is for; empty: any."""
    slots: Mapping[str, str] = field(default_factory=dict)
    """New names of slots, by their old ones."""
    states: Mapping[str, str] = field(default_factory=dict)
    """New places, `flow/state`, by the old ones."""
    defaults: Mapping[str, SlotValue] = field(default_factory=dict)
    """Values of slots that the older version did not have."""


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
    fallback: Fallback = field(default_factory=Fallback)
    texts: Texts = field(default_factory=Texts)
    locale: str = "en-US"
    time_zone: str = "UTC"
    migration: Migration | None = None
    """How it takes over sessions of its older versions; None: it does not."""
    nlu: Nlu | None = None
    """Who understands messages; None: whom the server prefers."""
    model: ModelProfile = field(default_factory=ModelProfile)
    """How it uses the model."""
    recent_turns: int = 0
    """How many of the last turns a context is loaded with; 0 where no part of the definition looks back."""

    @cached_property
    def machines(self) -> Mapping[str, DialogFlow]:
        """The machine of each flow and each sub-conversation, by name."""
        return {**self.flows, **self.sub_conversations}

    @cached_property
    def reached_slots(self) -> Mapping[str, frozenset[str]]:
        """What `slots_of` says of each flow."""
        return {name: self.slots_of(name) for name in self.machines}

    def slots_of(self, flow: str) -> frozenset[str]:
        """Every slot that a form of the flow collects, or of a flow that it calls or goes over to."""
        reached, waiting = set[str](), [flow]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in self.machines:
                continue
            reached.add(name)
            for state in self.machines[name].states.values():
                waiting += [state.call.flow] if state.call else []
                waiting += [state.link.partition("/")[0]] if state.link else []
        return frozenset(slot for name in reached for slot in self.machines[name].slots)
