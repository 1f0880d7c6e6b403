"""A message read by the rules, in the light of a booking or of what a test says."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time

from parley_server.core.slots import Choice, SlotDefinition, SlotType, SlotValue
from parley_server.core.understanding import IntentExamples, Situation, Understanding
from parley_server.nlu.rules import RulesUnderstander

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
"""A Wednesday."""

_NAMED = re.compile(r"(?:[Mm]y name is|I'm|[Cc]all me) (?P<value>[A-Z]\w*(?: [A-Z]\w*)*)")

BOOKING = (
    SlotDefinition(
        name="service",
        type=SlotType.CHOICE,
        choices=(Choice(name="consultation", synonyms=("advice",)), Choice(name="support"), Choice(name="sales")),
    ),
    SlotDefinition(name="date", type=SlotType.DATE, description="the day of the appointment"),
    SlotDefinition(name="time", type=SlotType.TIME, description="the time of the appointment"),
    SlotDefinition(name="name", type=SlotType.STRING, extractor=_NAMED),
    SlotDefinition(name="email", type=SlotType.EMAIL),
)

BOOKED: dict[str, SlotValue] = {
    "service": "support",
    "date": date(2026, 3, 6),
    "time": time(15),
    "name": "Ada",
    "email": "ada@example.org",
}

INTENTS = (
    IntentExamples(
        name="book",
        examples=("I want to book an appointment", "make a new booking", "can I get an appointment"),
    ),
    IntentExamples(
        name="opening_hours",
        examples=("what are your opening hours", "when are you open", "are you open on Sunday"),
    ),
    IntentExamples(name="greeting", examples=("hello", "hi there", "good morning")),
    IntentExamples(name="thanks", examples=("thanks", "thank you very much", "that was helpful")),
    IntentExamples(name="prices", examples=("how much is a consultation", "what does support cost", "the price list")),
)

_RULES = RulesUnderstander()


def slot(name: str, kind: SlotType = SlotType.STRING, description: str = "", choices: str = "") -> SlotDefinition:
    return SlotDefinition(
        name=name, type=kind, description=description, choices=tuple(Choice(name=word) for word in choices.split())
    )


def read(
    message: str,
    *,
    slots: Sequence[SlotDefinition] = BOOKING,
    filled: dict[str, SlotValue] | None = None,
    requested: str = "",
    confirming: bool = False,
    intents: tuple[IntentExamples, ...] = (),
    extracted: Mapping[str, str] | None = None,
    form: tuple[str, ...] = (),
    flow: frozenset[str] = frozenset(),
) -> Understanding:
    situation = Situation(
        now=NOW,
        slots={definition.name: definition for definition in slots},
        filled=filled or {},
        extracted=extracted or {},
        requested=requested,
        confirming=confirming,
        intents=intents,
        form=form,
        flow=flow,
    )
    return _RULES.read(message, situation)


def values(understanding: Understanding) -> dict[str, SlotValue]:
    return {name: candidate.value for name, candidate in understanding.slots.items()}
