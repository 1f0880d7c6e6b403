"""What a definition's file may say: the keys, their types and what they mean."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from parley_server.core.context import ConversationPhase
from parley_server.core.slots import SlotType

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
"""The name of a slot, an intent, a flow or a state."""


def _listed(given: object) -> object:
    return given if isinstance(given, list) else [given]


def _with_synonyms(given: object) -> object:
    if not isinstance(given, list):
        return given
    if not all(isinstance(choice, str) for choice in given):
        raise ValueError("each choice is a text: put it in quotes")
    return dict.fromkeys(given, ())


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckModel(_Model):
    """A rule for a slot's value."""

    check: str
    """A CEL expression over `value`, `slots`, `now` and `today` that is true of a good value."""
    reason: str
    """What the user is told of a bad one."""


Rule = Annotated[
    Annotated[CheckModel, Tag("rule")] | Annotated[str, Tag("callable")],
    Discriminator(lambda given: "rule" if isinstance(given, dict | CheckModel) else "callable"),
]
"""A rule, or a callable `package.module:function` that returns a reason or None."""


class SlotModel(_Model):
    """A slot: a typed value that the conversation collects."""

    type: SlotType
    description: str = ""
    """What the slot means, in a few words; understanding uses them."""
    prompt: str = ""
    """The question that asks for it. A template."""
    reprompt: Annotated[list[str], BeforeValidator(_listed)] = []
    """The question of the second attempt, or those of the second, the third …. Templates."""
    required: bool = True
    choices: Annotated[dict[str, list[str]], BeforeValidator(_with_synonyms)] = {}
    """The values of a choice slot, or each with its synonyms."""
    validators: Annotated[list[Rule], BeforeValidator(_listed)] = Field(default=[], alias="validate")
    """A rule, or several: the first that refuses a value says why."""
    extract: str = ""
    """A regular expression whose group `value` is the value, or a callable that finds its words in a message."""
    sensitive: bool = False
    """Never logged, and never kept where it was refused."""


class ReactionModel(_Model):
    """What to do: change slots, say, move."""

    clear: list[str] = []
    """Slots that lose their value."""
    say: str = ""
    """A template."""
    to: str = ""
    """The state of the current flow to go to."""
    start: str = ""
    """The flow to start anew, `flow` or `flow/state`."""
    call: str = ""
    """The sub-conversation to start."""
    run: str = ""
    """A callable that makes the reaction instead."""


class IntentModel(ReactionModel):
    """An intent: what a message is for, and what is done about it."""

    examples: list[str] = []


class BranchModel(ReactionModel):
    """A branch: tried before the flow, in order of priority."""

    name: Name
    when: str
    """A built-in condition, an intent or a CEL expression."""
    priority: int = 0


class TransitionModel(_Model):
    """A way out of a state."""

    when: str
    """A built-in condition, an intent or a CEL expression."""
    to: str
    say: str = ""
    """A template."""
    clear: list[str] = []
    """Slots that lose their value on the way."""


class StateModel(_Model):
    """A state of a flow."""

    phase: ConversationPhase | None = None
    clear: list[str] = []
    """Slots that lose their value on entry."""
    say: str = ""
    """Said on entry, and asked again while the state waits without a form. A template."""
    run: str = ""
    """A callable that runs on entry."""
    call: str = ""
    """A sub-conversation that is started on entry."""
    collect: list[str] = []
    """The slots of the state's form, in the order in which they are asked for."""
    on: list[TransitionModel] = []
    """The ways out, in order: the first whose condition holds is taken."""
    next: str = ""
    """The state to go to when nothing is left to wait for."""


class FlowModel(_Model):
    """A flow or a sub-conversation."""

    initial: str = ""
    """The first state; else the one that stands first."""
    states: dict[Name, StateModel] = Field(min_length=1)


class AssistantModel(_Model):
    """A whole definition."""

    assistant: Name
    version: str = ""
    """What the author calls this version."""
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] = "en-US"
    """The users' language and region, BCP 47."""
    time_zone: str = "UTC"
    """Where the users are, an IANA name."""
    slots: dict[Name, SlotModel] = {}
    intents: dict[Name, IntentModel] = {}
    flows: dict[Name, FlowModel] = Field(min_length=1)
    """The flows; a conversation begins with the first."""
    branches: list[BranchModel] = []
    sub_conversations: dict[Name, FlowModel] = {}
    fallback: str = ""
    """Said when nothing else answers a message. A template."""
