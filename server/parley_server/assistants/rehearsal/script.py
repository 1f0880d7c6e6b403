"""Scripts: the files that say what users say and what is expected then, read and checked whole."""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationError,
    WithJsonSchema,
)

from parley_server.assistants.chart import Chart
from parley_server.assistants.loading import load_assistant
from parley_server.assistants.parts import Path
from parley_server.assistants.schema import Duration
from parley_server.assistants.schema_defects import schema_defects
from parley_server.assistants.source import Source, read_source
from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationPhase, Frame
from parley_server.core.slots import SlotType, SlotValue
from parley_server.errors import InvalidDefinition

Literal: TypeAlias = StrictBool | StrictInt | StrictFloat | str
"""A slot's value as a file says it: a date or a time in ISO 8601."""


def _listed(given: object) -> object:
    return given if isinstance(given, list) else [given]


Texts = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""One text or several."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class TurnModel(_Model):
    """What the user says, and what is expected then. What is not named is not compared."""

    user: str
    """The message."""
    after: Duration = Field(default=timedelta(0), json_schema_extra={"default": "0s"})
    """How long the user takes before this message, such as `90s`, `30m`, `2h` or `1d`."""
    given: dict[str, Literal] = {}
    """Values that the caller gives with this turn, a date or time in ISO 8601."""
    metadata: dict[str, JsonValue] = {}
    """What the caller adds to what it keeps with the session; null removes a key."""
    handed_back: bool = False
    """Whether the caller says that a conversation which was handed off is the assistant's again."""
    reply: str | None = None
    """The whole reply. White space counts as one space, here as in the following."""
    contains: Texts = []
    """What the reply says among other things."""
    not_contains: Texts = []
    """What the reply does not say."""
    slots: dict[str, Literal | None] = {}
    """The values of these slots, a date or time in ISO 8601; null: it has none."""
    state: str | None = None
    """`flow/state`; with what is interrupted before it: `booking/details > opening_hours/answer`."""
    phase: ConversationPhase | None = None
    """How far the conversation has come."""
    intent: str | None = None
    """The intent of the message; empty: it has none."""
    requested: str | None = None
    """The slot that is asked for; empty: none is."""
    rejected: Texts | None = None
    """The slots whose value was refused, all of them."""
    handoff: str | None = None
    """Why somebody else has taken over; empty: nobody has."""


class ConversationModel(_Model):
    """A conversation from its beginning."""

    name: str
    """What it is called in reports; no two have the same name."""
    slots: dict[str, Literal] = {}
    """Values that the caller gives with the first turn, a date or time in ISO 8601."""
    metadata: dict[str, JsonValue] = {}
    """What the caller keeps with the session from the first turn on."""
    turns: list[TurnModel] = Field(min_length=1)
    """What is said, in order."""


class ScriptModel(_Model):
    """A file of conversations."""

    assistant: str
    """The definition's file, from the folder of this one."""
    now: Annotated[datetime, WithJsonSchema({"type": "string"})] = datetime(2026, 3, 4, 10)  # noqa: DTZ001  # it is a time of day where the assistant's users are
    """When each conversation begins; without an offset: in the assistant's time zone."""
    conversations: list[ConversationModel] = Field(min_length=1)
    """The conversations, each of which begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that fits its assistant."""

    file: str
    source: Source
    model: ScriptModel
    assistant: Assistant
    chart: Chart
    given: Sequence[Sequence[Mapping[str, SlotValue]]]
    """The values that the caller gives, for each turn of each conversation."""

    @property
    def now(self) -> datetime:
        """When each conversation begins, aware."""
        return _aware(self.model.now, self.assistant)

    def place(self, path: Path) -> str:
        """`file:line:column` of a part of the script."""
        place, _, _ = self.source.defect(path, "").partition(": ")
        return self.file + place.removeprefix(self.source.name)


def load_script(path: pathlib.Path) -> Script:
    """Reads a script and the definition that it is for.

    Raises:
        InvalidDefinition: Either has defects; each is one line with file, line, column and name.
    """
    source = read_source(path)
    try:
        model = ScriptModel.model_validate(source.root)
    except ValidationError as error:
        defects = schema_defects(error, ScriptModel)
        raise InvalidDefinition([source.defect(place, message) for place, message in defects]) from error
    assistant = load_assistant(path.parent / model.assistant)
    chart = Chart(assistant)
    wrong = list(_unknown_names(model, chart))
    given = []
    for index, conversation in enumerate(model.conversations):
        place: Path = ("conversations", index)
        sources = [((*place, "turns", n, "given"), turn.given) for n, turn in enumerate(conversation.turns)]
        turns = [_given(assistant, where, literals, wrong) for where, literals in sources]
        turns[0] = {**_given(assistant, (*place, "slots"), conversation.slots, wrong), **turns[0]}
        given.append(turns)
    if wrong:
        raise InvalidDefinition([source.defect(place, message) for place, message in wrong])
    return Script(file=str(path), source=source, model=model, assistant=assistant, chart=chart, given=given)


def _unknown_names(model: ScriptModel, chart: Chart) -> Iterator[tuple[Path, str]]:
    slots, intents = chart.assistant.slots.definitions, chart.assistant.router.intents
    titles: set[str] = set()
    for index, conversation in enumerate(model.conversations):
        if conversation.name in titles:
            yield ("conversations", index, "name"), "another conversation has this name"
        titles.add(conversation.name)
        for number, turn in enumerate(conversation.turns):
            place = ("conversations", index, "turns", number)
            named = [("slots", name) for name in turn.slots] + [("requested", turn.requested)]
            named += [("rejected", name) for name in turn.rejected or ()]
            unknown = [(key, name) for key, name in named if name and name not in slots]
            yield from (((*place, key), f"there is no slot `{name}`") for key, name in unknown)
            if turn.intent and turn.intent not in intents:
                yield (*place, "intent"), f"there is no intent `{turn.intent}`"
            for step in turn.state.split(" > ") if turn.state is not None else ():
                flow, _, state = step.partition("/")
                if Frame(flow, state) not in chart.states:
                    yield (*place, "state"), f"there is no state `{step}`"


def _given(
    assistant: Assistant, place: Path, literals: Mapping[str, Literal], defects: list[tuple[Path, str]]
) -> Mapping[str, SlotValue]:
    values: dict[str, SlotValue] = {}
    for name, literal in literals.items():
        try:
            values[name] = _given_value(assistant, name, literal)
        except ValueError as error:
            defects.append(((*place, name), str(error)))
    return values


def _given_value(assistant: Assistant, name: str, literal: Literal) -> SlotValue:
    slot = assistant.slots.definitions.get(name)
    value: SlotValue = literal
    if slot and slot.type is SlotType.DATE:
        value = date.fromisoformat(str(literal))
    elif slot and slot.type is SlotType.TIME:
        value = time.fromisoformat(str(literal))
    elif slot and slot.type is SlotType.FLOAT and isinstance(literal, int):
        value = float(literal)
    if refusal := assistant.slots.mistyped(name, value):
        raise ValueError(refusal)
    return value


def _aware(now: datetime, assistant: Assistant) -> datetime:
    return now if now.tzinfo else now.replace(tzinfo=ZoneInfo(assistant.time_zone))
