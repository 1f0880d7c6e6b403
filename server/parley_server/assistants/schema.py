"""What a definition's file may say: the keys, their types and what they mean."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from parley_server.core.context import ConversationPhase
from parley_server.core.flow import Digress
from parley_server.core.generation import Nlu, Older
from parley_server.core.slots import GiveUp, SlotType


def _duration(value: object) -> object:
    """Reads `90s`, `30m`, `2h` or `1d`."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", value) if isinstance(value, str) else None
    if not found:
        raise ValueError("not a duration: write 90s, 30m, 2h or 1d")
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: int(found[1])})


Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]
"""A length of time, such as `90s`, `30m`, `2h` or `1d`."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=64)]
"""The name of a slot, an intent, a flow or a state."""


def _listed(given: object) -> object:
    return given if isinstance(given, list) else [given]


OneOrMore = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""A text, or a list of texts."""


def _by_outcome(given: object) -> object:
    return given if isinstance(given, dict | RepromptModel) else {"no_match": given}


def _as_call(given: object) -> object:
    return {"flow": given} if isinstance(given, str) and given else given or None


def _as_forks(given: object) -> object:
    return ([{"to": given}] if given else []) if isinstance(given, str) else given


def _as_fallback(given: object) -> object:
    return {"say": given} if isinstance(given, str) else given


def _with_synonyms(given: object) -> object:
    if not isinstance(given, list):
        return given
    if not all(isinstance(choice, str) for choice in given):
        raise ValueError("each choice is a text: put it in quotes")
    return dict.fromkeys(given, ())


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CheckModel(_Model):
    """A rule for a slot's value."""

    check: str
    """A CEL expression over `value`, `slots`, `now` and `today` that is true of a good value."""
    reason: str
    """What the user is told of a bad one. A template over the same names."""


Rule = Annotated[
    Annotated[CheckModel, Tag("rule")] | Annotated[str, Tag("callable")],
    Discriminator(lambda given: "rule" if isinstance(given, dict | CheckModel) else "callable"),
]
"""A rule, or a callable `package.module:function` that returns a reason or None."""


class RepromptModel(_Model):
    """The questions of the second attempt, the third …, by what became of the attempt before. Templates."""

    no_match: OneOrMore = []
    """After a message that gave no value."""
    invalid: OneOrMore = []
    """After a value that was refused; without any, the same as after no value."""


class SlotModel(_Model):
    """A slot: a typed value that the conversation collects."""

    type: SlotType
    """What kind of value it takes."""
    description: str = ""
    """What the slot means, in a few words; understanding uses them."""
    prompt: str = ""
    """The question that asks for it. A template."""
    reprompt: Annotated[
        RepromptModel, BeforeValidator(_by_outcome, json_schema_input_type=OneOrMore | RepromptModel)
    ] = RepromptModel()
    """The question of the second attempt, or those of the second, the third …, or these by what went wrong."""
    max_attempts: int = Field(default=0, ge=0)
    """How often it is asked for in vain before it is given up; 0: no end."""
    then: GiveUp | None = None
    """What then. A slot that is skipped or takes its default then may be skipped by the user at any time."""
    required: bool | str = True
    """Whether a form asks for it: always, never, or while a CEL expression over `slots` is true."""
    default: bool | int | float | str | None = None
    """The value where the user gives none; a date or time in ISO 8601."""
    confirm: bool | str = False
    """Whether the user is asked if the value is right before the form goes on; or that question, a template."""
    ask_first: bool | str = False
    """Whether a value that was known before its form began is only used when the user says that it is right; or the
    question, a template."""
    depends_on: list[str] = []
    """Slots whose change makes this one's value void, so that it is asked for again."""
    keep: bool = True
    """Whether the value outlives the flow that collected it."""
    choices: Annotated[
        dict[str, list[str]], BeforeValidator(_with_synonyms, json_schema_input_type=list[str] | dict[str, list[str]])
    ] = {}
    """The values of a choice slot, or each with its synonyms."""
    validators: Annotated[list[Rule], BeforeValidator(_listed, json_schema_input_type=Rule | list[Rule])] = Field(
        default=[], alias="validate"
    )
    """A rule, or several: the first that refuses a value says why."""
    extract: str = ""
    """A regular expression whose group `value` is the value, searched for in a message's first 1,000 characters, or a
    callable that finds its words."""
    sensitive: bool = False
    """Never logged, and never kept where it was refused."""
    internal: bool = False
    """Whether only `set`, `inputs`, `outputs`, code and callers give it a value, and nothing that a user says."""


class GenerateModel(_Model):
    """A text that the language model writes."""

    instructions: str = Field(min_length=1)
    """What it is to write. It is told the slots and what was said; this is no template."""
    otherwise: str = ""
    """What is said where the model gives no answer; without it the turn fails then. A template."""
    max_tokens: int = Field(default=500, ge=1, le=32_768)
    """The most tokens that it may take. Models that reason spend of them too, and need some thousand."""


def _as_generate(given: object) -> object:
    return {"instructions": given} if isinstance(given, str) and given else given or None


Generate = Annotated[GenerateModel | None, BeforeValidator(_as_generate, json_schema_input_type=str | GenerateModel)]
"""A text that the language model writes, or what it is to write."""


class ReactionModel(_Model):
    """What to do: change slots, say, move."""

    clear: list[str] = []
    """Slots that lose their value."""
    say: str = ""
    """What to say. A template."""
    generate: Generate = None
    """What the language model says after that."""
    to: str = ""
    """The state of the current flow to go to."""
    start: str = ""
    """The flow to start anew, `flow` or `flow/state`."""
    call: str = ""
    """The flow or sub-conversation to start; what it interrupts goes on after it."""
    handoff: str = ""
    """Why somebody else is to take over the conversation."""
    run: str = ""
    """A callable that makes the reaction instead."""


class IntentModel(ReactionModel):
    """An intent: what a message is for, and what is done about it.

    One with the name of a command (cancel, help, restart, repeat, skip, who, thanks) replaces what the command does.
    """

    label: str = ""
    """What it is called when the user is asked which one was meant; empty: its name as words."""
    examples: list[str] = []
    """Messages that have the intent; more and more different ones make it surer."""


class BranchModel(ReactionModel):
    """A branch: tried before the flow, in order of priority."""

    name: Name
    """What it is called in explanations."""
    when: str
    """A built-in condition, an intent or a CEL expression."""
    priority: int = 0
    """Higher is tried first; among equals the one that stands first."""


class TransitionModel(_Model):
    """A way out of a state."""

    when: str
    """A built-in condition, an intent or a CEL expression."""
    to: str = ""
    """The state to go to."""
    handoff: str = ""
    """Instead: why somebody else is to take over the conversation, which goes on here when it is handed back."""
    say: str = ""
    """Said on the way. A template."""
    clear: list[str] = []
    """Slots that lose their value on the way."""


class ForkModel(_Model):
    """A way on, taken without a message."""

    when: str = ""
    """A CEL expression; the last way has none."""
    to: str
    """The state to go to."""


class CallModel(_Model):
    """A flow that is called: it runs on the stack and hands back."""

    flow: str
    """The flow or sub-conversation."""
    inputs: dict[str, str] = {}
    """Values that slots take before it starts: CEL expressions by slot."""
    outputs: dict[str, str] = {}
    """Values that slots take when it hands back: CEL expressions by slot."""


class StateModel(_Model):
    """A state of a flow."""

    phase: ConversationPhase | None = None
    """The phase from here on; without it the phase stays."""
    clear: list[str] = []
    """Slots that lose their value on entry."""
    say: str = ""
    """Said on entry, and asked again while the state waits without a form. A template."""
    generate: Generate = None
    """What the language model says on entry, after that. Where the state waits for `on` without a form, the model
    answers every message that takes no way out, and the state opens with its `say` alone, if it has one."""
    run: str = ""
    """A callable that runs on entry."""
    set: dict[str, str] = {}
    """Values that slots take on entry: CEL expressions by slot, in order, each with the values before it."""
    call: Annotated[CallModel | None, BeforeValidator(_as_call, json_schema_input_type=str | CallModel)] = None
    """A flow or sub-conversation that is started on entry; the state goes on when it hands back."""
    link: str = ""
    """A flow to go over to, `flow` or `flow/state`; it does not hand back."""
    handoff: str = ""
    """Why somebody else is to take over the conversation on entry; the state goes on when it is handed back."""
    collect: list[str] = []
    """The slots of the state's form, in the order in which they are asked for."""
    on: list[TransitionModel] = []
    """The ways out, in order: the first whose condition holds is taken."""
    next: Annotated[list[ForkModel], BeforeValidator(_as_forks, json_schema_input_type=str | list[ForkModel])] = []
    """The state to go to when nothing is left to wait for; or several, of which the first is taken whose condition
    holds, and the last has none."""
    digress: Digress = Digress.ALLOW
    """Whether another intent may interrupt the state: allow, forbid, or ask the user."""
    expires_after: Duration | None = None
    """How long the state waits for the user, such as `30m`, `2h` or `1d`."""
    expired: str = ""
    """The state to go to after that."""


class FlowModel(_Model):
    """A flow or a sub-conversation."""

    initial: str = ""
    """The first state; else the one that stands first."""
    states: dict[Name, StateModel] = Field(min_length=1)
    """The states."""


class FallbackModel(_Model):
    """What happens to a message that nothing else answers."""

    say: str = ""
    """What to say. A template."""
    max_attempts: int = Field(default=0, ge=0)
    """How many such messages in a row are answered so; 0: any number."""
    then: Literal[GiveUp.HANDOFF, GiveUp.CANCEL] = GiveUp.HANDOFF
    """What then."""


class TextsModel(_Model):
    """What the assistant says of itself, where that is to differ from what every assistant says. Templates."""

    cancelled: str = ""
    """The flow was cancelled or restarted."""
    ended: str = ""
    """A sub-conversation was cancelled."""
    help: str = ""
    """What can be said."""
    skipped: str = ""
    """A slot is left out."""
    needed: str = ""
    """A slot can not be left out."""
    who: str = ""
    """Who the user is talking to."""
    thanks: str = ""
    """The user said thanks."""
    clarify: str = ""
    """Before the intents that a message may have."""
    digress: str = ""
    """Whether to leave what is pending."""
    handoff: str = ""
    """Somebody else takes over."""


class MigrateModel(_Model):
    """How sessions of older versions go on under this one. With no key at all: as they are, if they fit."""

    versions: list[str] = []
    """The versions that it is for, by the hash that `assistant_version` in their sessions has; none: any."""
    slots: dict[str, Name] = {}
    """New names of slots, by their old ones."""
    states: dict[str, str] = {}
    """New places, `flow/state`, by the old ones."""
    defaults: dict[Name, bool | int | float | str] = {}
    """Values of slots that the older version did not have; a date or time in ISO 8601."""


class ProfileModel(_Model):
    """How the assistant uses the language model that the server has."""

    name: str = ""
    """The model's name; without it the server's."""
    instructions: str = ""
    """What the model is told with every text that it writes: who it speaks for, and what it knows. No template."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """How freely it writes; without it as it does by itself. Models that reason take no other."""
    recent_turns: int = Field(default=10, ge=1, le=100)
    """How many of the last turns it is shown at the most."""
    prompt_tokens: int = Field(default=3000, ge=100)
    """About how many tokens of them; the oldest are left out first."""
    older: Older = Older.DROP
    """What becomes of the turns that are left out."""
    sensitive: bool = False
    """Whether it is shown sensitive slots and what users say of them."""


class AssistantModel(_Model):
    """A whole definition."""

    assistant: Name
    """The assistant's name."""
    version: str = ""
    """What the author calls this version: a note for readers. Sessions know a version by a hash of the whole."""
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] = "en-US"
    """The users' language and region, BCP 47; the region tells how dates and phone numbers are meant."""
    time_zone: str = "UTC"
    """Where the users are, an IANA name."""
    slots: dict[Name, SlotModel] = {}
    """What the conversation collects."""
    intents: dict[Name, IntentModel] = {}
    """What messages may be for."""
    flows: dict[Name, FlowModel] = Field(min_length=1)
    """The flows; a conversation begins with the first."""
    nlu: Nlu | None = None
    """Who understands messages; without it whom the server prefers."""
    model: ProfileModel = ProfileModel()
    """How it uses the language model."""
    branches: list[BranchModel] = []
    """What is tried before the flow."""
    sub_conversations: dict[Name, FlowModel] = {}
    """Dialogues beside the flow, which hand back to what they interrupted."""
    fallback: Annotated[FallbackModel, BeforeValidator(_as_fallback, json_schema_input_type=str | FallbackModel)] = (
        FallbackModel()
    )
    """What is said when nothing else answers a message, a template; or what happens then."""
    texts: TextsModel = TextsModel()
    """What the assistant says of itself."""
    migrate: MigrateModel | None = None
    """How sessions of older versions go on under this one; without it they do not."""
