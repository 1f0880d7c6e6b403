"""What understanding (NLU) is asked about one message, and what it says.

This module must not know how understanding works: `parley_server.nlu` has the implementations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from parley_server.core.context import Message
from parley_server.core.slots import Candidate, Rejection, SlotDefinition, SlotValue


class Answer(StrEnum):
    """A yes or a no."""

    YES = "yes"
    NO = "no"


class Command(StrEnum):
    """What a user says to the conversation itself, in any assistant."""

    CANCEL = "cancel"
    """Stop this."""
    HELP = "help"
    """What can I say?"""
    RESTART = "restart"
    """Begin again."""
    REPEAT = "repeat"
    """Say that again."""
    SKIP = "skip"
    """Go on without it."""
    WHO = "who"
    """Who am I talking to?"""
    THANKS = "thanks"
    """Thank you."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentExamples:
    """An intent as understanding knows it."""

    name: str
    examples: tuple[str, ...] = ()
    """Messages that have this intent."""

    def __hash__(self) -> int:
        """By the name alone, for there may be many examples."""
        return hash(self.name)


class IntentMatch(msgspec.Struct, frozen=True, kw_only=True):
    """An intent that a message may have."""

    name: str
    score: float
    """How sure the match is, 0 to 1."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a message is read in the light of."""

    now: datetime
    """The time of the turn, aware, in the user's time zone: what "tomorrow" counts from."""
    locale: str = "en-US"
    """The user's language and region, BCP 47."""
    slots: Mapping[str, SlotDefinition] = {}
    """Every slot that the message may fill or change."""
    filled: Mapping[str, SlotValue] = {}
    """The values that are known."""
    extracted: Mapping[str, str] = {}
    """The words that an author's code has found in the message, by the slot whose value they are."""
    requested: str = ""
    """The slot that the assistant has just asked for; empty: none."""
    form: tuple[str, ...] = ()
    """The slots of the form that is being filled; empty: none is."""
    flow: frozenset[str] = frozenset()
    """The slots of all forms of the flows that are running; empty: not known."""
    confirming: bool = False
    """Whether the assistant has just asked a question that yes or no answers."""
    intents: tuple[IntentExamples, ...] = ()
    """Every intent that the message may have."""
    recent: tuple[Message, ...] = ()
    """What was said last, without what is sensitive; as much as was loaded."""
    secrets: tuple[str, ...] = ()
    """The values of sensitive slots, those that no message fills included, now and in the turns that were loaded."""


class Understanding(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says."""

    message: str
    slots: Mapping[str, Candidate] = {}
    """The value found for each slot: at most one, and of the slot's type."""
    rejected: tuple[Rejection, ...] = ()
    """What was clearly meant as a slot's value but is none: a malformed e-mail, the thirtieth of February."""
    private: tuple[str, ...] = ()
    """Words of the message that can only be the value of a sensitive slot, whether the slot takes them or not."""
    mentioned: frozenset[str] = frozenset()
    """Slots that the message names without giving a value: "change the date"."""
    intents: tuple[IntentMatch, ...] = ()
    """The intents that the message may have, the surest first; empty: none was recognised."""
    answer: Answer | None = None
    """Whether the message says yes or no to what was asked; None: neither."""
    command: Command | None = None
    correction: bool = False
    """Whether the message says that something it gives a value for was wrong before: "no, I meant Tuesday"."""

    @property
    def intent(self) -> str:
        """The name of the surest intent; empty: none was recognised."""
        return self.intents[0].name if self.intents else ""
