"""Slots: the typed values that a conversation collects, and how one definition says what a value may be.

This module must not know how a value is found in a text: that is understanding, in `parley_server.nlu`.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from parley_server.core.texts import Text

SlotValue: TypeAlias = str | int | float | bool | date | time
"""A typed value. E-mail, phone (E.164) and choice are strings; a date is a `date`, never a `datetime`."""


class SlotType(StrEnum):
    """What kind of value a slot takes."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    EMAIL = "email"
    PHONE = "phone"
    CHOICE = "choice"

    @property
    def value_type(self) -> type:
        """What a value of this type is in Python."""
        return _VALUE_TYPES.get(self, str)


_VALUE_TYPES: Mapping[SlotType, type] = {
    SlotType.INTEGER: int,
    SlotType.FLOAT: float,
    SlotType.BOOLEAN: bool,
    SlotType.DATE: date,
    SlotType.TIME: time,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the values of a choice slot."""

    name: str
    """The value as it is stored."""
    synonyms: tuple[str, ...] = ()
    """Other words for it."""


class ValidationScope(msgspec.Struct, frozen=True, kw_only=True):
    """What a validator may look at besides the value."""

    slots: Mapping[str, SlotValue]
    """The values that are known."""
    now: datetime
    """The time of the turn, aware, in the user's time zone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that is true of every good value."""

    holds: Callable[[SlotValue, ValidationScope], bool]
    """Pure and quick: it runs on the event loop."""
    reason: Text
    """What the user is told of a value that it is not true of. A template sees `value`, `slots`, `now` and `today`."""


Validator: TypeAlias = Rule | Callable[[Any, ValidationScope], str | Awaitable[str | None] | None]
"""A rule, or an author's code that gets a value of the slot's type and returns why it is refused, in words for the
user; None if it is not. A plain function runs in a thread and may block. It is asked again when other slots change."""

Extractor: TypeAlias = re.Pattern[str] | Callable[[str], str | Awaitable[str | None] | None]
"""A pattern whose group `value` is the value, or an author's code that finds the words of a value in a message; None
if there are none. What it finds is then read as the slot's type. A plain function runs in a thread and may block."""


SlotRule: TypeAlias = Callable[[Mapping[str, SlotValue]], bool]
"""A rule over the values that are known. Pure."""


class GiveUp(StrEnum):
    """What becomes of a slot that was asked for in vain, or of a conversation that nobody understands."""

    SKIP = "skip"
    """The form goes on without the slot."""
    DEFAULT = "default"
    """The slot takes its default."""
    HANDOFF = "handoff"
    """Somebody else takes over the conversation."""
    CANCEL = "cancel"
    """The flow is cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDefinition:
    """What a slot is, and how it is asked for."""

    name: str
    type: SlotType
    description: str = ""
    """What the slot means, in a few words; understanding uses them to tell two slots of one type apart."""
    prompt: Text = ""
    """The question that asks for it; empty: made from the name."""
    reprompts: tuple[Text, ...] = ()
    """The questions of the second attempt, the third …; the last one is used from there on."""
    invalid_reprompts: tuple[Text, ...] = ()
    """The questions after a value that was refused; empty: the same as `reprompts`."""
    required: bool | SlotRule = True
    """Whether a form asks for it: always, never, or while a rule holds of the values that are known."""
    default: SlotValue | None = None
    """The value where the user gives none: of an optional slot, and of one that is skipped or given up."""
    max_attempts: int = 0
    """How often it is asked for in vain before it is given up; 0: no end."""
    give_up: GiveUp | None = None
    """What then. A slot that is skipped or takes its default then may be skipped by the user at any time."""
    confirm: Text = ""
    """The question whether its value is right, answered by yes or no before the form goes on; empty: not asked."""
    ask_first: Text = ""
    """The question whether a value that was known before its form began is right, where `confirm` asks none; both
    empty: it is used unasked."""
    depends_on: tuple[str, ...] = ()
    """Slots whose change makes this one's value void."""
    keep: bool = True
    """Whether the value outlives the flow that collected it."""
    choices: tuple[Choice, ...] = ()
    """What a choice may be."""
    validators: tuple[Validator, ...] = ()
    """What a value must pass; the first that refuses it says why."""
    extractor: Extractor | None = None
    """Finds the value in any message, asked for or not. Without one, understanding looks for the type."""
    sensitive: bool = False
    """Never logged, and never kept where it was refused."""
    internal: bool = False
    """Whether nothing that a user says gives, changes or takes back its value."""

    def __hash__(self) -> int:
        """By the name alone: understanding looks a definition up in tables at every turn."""
        return hash(self.name)

    @property
    def label(self) -> str:
        """The name as words."""
        return self.name.replace("_", " ")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A typed value that was found for a slot in a message."""

    value: SlotValue
    raw: str
    """The words that it was read from."""
    start: int = 0
    """Where the words begin in the message, in code points."""
    score: float = 1.0
    """How sure the reading is, 0 to 1."""
    others: tuple[SlotValue, ...] = ()
    """What else the words may mean: 8 in the evening. The first that the definition accepts counts if it refuses the
    value."""

    @property
    def end(self) -> int:
        """Where the words end in the message."""
        return self.start + len(self.raw)

    def may_mean(self, value: SlotValue | None) -> bool:
        """Whether the words say nothing else than a value that is known."""
        return value == self.value or value in self.others


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What was offered for a slot and refused."""

    slot: str
    reason: str
    """Why, in words for the user."""
    raw: str
    """What was offered, as it came."""


class SlotsChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn did to the slots."""

    filled: Mapping[str, SlotValue] = {}
    cleared: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.filled or self.cleared or self.rejected)
