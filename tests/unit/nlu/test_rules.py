"""The understanding by rules as a whole: any text, any situation."""

from datetime import date, datetime, time
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.reading import BOOKED, BOOKING, INTENTS, NOW, slot

from parley_server.core.filling import SlotFiller
from parley_server.core.slots import SlotDefinition, SlotType, SlotValue
from parley_server.core.understanding import Situation
from parley_server.models.consultation import Consultation
from parley_server.nlu.clauses import word_set
from parley_server.nlu.protocol import Understander
from parley_server.nlu.rules import RulesUnderstander

Slots: TypeAlias = list[SlotDefinition]

PYTHON_TYPES: dict[SlotType, type] = {
    SlotType.INTEGER: int,
    SlotType.FLOAT: float,
    SlotType.BOOLEAN: bool,
    SlotType.DATE: date,
    SlotType.TIME: time,
}
RULES = RulesUnderstander()

OTHERS = (
    slot("origin", description="city where the trip starts"),
    slot("destination", description="city where the trip ends"),
    slot("return_date", SlotType.DATE, "date of the way back"),
    slot("party_size", SlotType.INTEGER, "number of people"),
    slot("budget", SlotType.FLOAT, "amount of money"),
    slot("with_parking", SlotType.BOOLEAN, "whether there is parking"),
    slot("phone", SlotType.PHONE),
    slot("seats", SlotType.CHOICE, "number of seats", "1 2 3"),
    slot("appointment_time", description="time of the appointment"),
    slot("reason"),
    slot("_"),
    slot("ß", SlotType.CHOICE),
)
WORDS = st.sampled_from(
    [
        *sorted(
            word_set("""
            yes no not cancel help change the date time email to from Paris London Monday or tomorrow March 30 3 three
            two one at 15:00 4pm ada@example.org ada@@x . , ? ! but is my name I'm Ada reason with parking 555-867-5309
            $20 make it sorry actually I meant any whatever book an appointment people seats until checking out
            1e999 10**400 99999999999999999999 49,90 1.234,56 Feb 30th 25:00 half past 8 wait no, one more less later
            earlier an hour week day after before since between and of them kids my wife me none same as dunno
        """)
        ),
        *("\u0130", "\u00df", "\ufb01", "\u2019", "\n", "\u200b", "\u202e", "\x00", "\x1b[31m", "\uff13", "\u0663"),
    ]
)
FILLER = SlotFiller((*BOOKING, *OTHERS))
MESSAGES = st.one_of(st.text(), st.lists(WORDS, max_size=14).map(" ".join))
DEFINITIONS = st.lists(st.sampled_from((*BOOKING, *OTHERS)), unique_by=lambda definition: definition.name)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    slots = draw(DEFINITIONS)
    known: dict[str, SlotValue] = {name: value for name, value in BOOKED.items() if draw(st.booleans())}
    return Situation(
        now=NOW,
        locale=draw(st.sampled_from(["en-US", "en-GB", "de-DE", ""])),
        slots={definition.name: definition for definition in slots},
        filled=known,
        requested=draw(st.sampled_from([*(definition.name for definition in slots), "", "gone"])),
        form=tuple(definition.name for definition in slots[::2]),
        flow=frozenset(definition.name for definition in slots[:3]),
        confirming=draw(st.booleans()),
        intents=draw(st.sampled_from([INTENTS, ()])),
    )


@given(message=MESSAGES, situation=situations())
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_is_understood_with_typed_values_at_places_that_do_not_overlap(
    message: str, situation: Situation
) -> None:
    understanding = RULES.read(message, situation)

    for name, candidate in understanding.slots.items():
        assert type(candidate.value) is PYTHON_TYPES.get(situation.slots[name].type, str)
        assert candidate.raw
        assert all(type(other) is type(candidate.value) for other in candidate.others)
        assert FILLER.mistyped(name, candidate.value) is None
        assert message[candidate.start : candidate.end] == candidate.raw
    spans = sorted((candidate.start, candidate.end) for candidate in understanding.slots.values())
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert understanding.mentioned.isdisjoint(understanding.slots)
    assert understanding.mentioned <= situation.slots.keys()
    assert all(rejection.slot in situation.slots for rejection in understanding.rejected)
    assert RULES.read(message, situation) == understanding


@pytest.mark.parametrize("message", ["no thanks", "No, thanks!", "yes, thank you"])
def test_thanks_that_go_with_an_answer_are_no_intent(message: str) -> None:
    understanding = RULES.read(message, Situation(now=NOW, intents=INTENTS, confirming=True))

    assert understanding.answer is not None
    assert understanding.intents == ()


@pytest.mark.parametrize(
    ("plain", "printed"),
    [
        ("I'm Ada, that's ada@example.org", "I\u2019m Ada, that\u2019s ada@example.org"),
        ("no - make it Monday", "no \u2013 make it Monday"),
        ("no - make it Monday", "no\u2014make it Monday"),
        ("yes...", "yes\u2026"),
        ("it's at 3 pm", "it\u2018s at 3\u202fpm"),
        ('a "consultation" on 3-9-2026', "a \u201cconsultation\u201d on 3\u20139\u20132026"),
        ("Monday - 3pm, support", "Monday \u2014 3pm, support"),
        ("don't change the date", "don\u2019t change the date"),
        ("what's the price of support", "what\u2019s the price of support"),
    ],
)
def test_a_printers_marks_are_read_as_those_of_a_keyboard(plain: str, printed: str) -> None:
    situation = Situation(
        now=NOW, slots={d.name: d for d in BOOKING}, filled={"date": BOOKED["date"]}, confirming=True, intents=INTENTS
    )

    expected, understanding = RULES.read(plain, situation), RULES.read(printed, situation)

    assert {n: c.value for n, c in understanding.slots.items()} == {n: c.value for n, c in expected.slots.items()}
    assert understanding.answer is expected.answer
    assert understanding.intents == expected.intents
    assert understanding.mentioned == expected.mentioned
    assert (understanding.command, understanding.correction) == (expected.command, expected.correction)


async def test_it_is_an_understander() -> None:
    understander: Understander = RulesUnderstander()
    situation = Situation(now=datetime.fromisoformat("2026-03-04T10:00:00+00:00"), intents=INTENTS)

    assert (await understander.understand("hello", situation, Consultation())).intent == "greeting"


async def test_what_was_prepared_is_understood_the_same() -> None:
    situation = Situation(now=NOW, slots={definition.name: definition for definition in BOOKING}, intents=INTENTS)
    prepared = RulesUnderstander()
    prepared.prepare(situation)

    message = "book support on Monday"

    assert await prepared.understand(message, situation) == await RULES.understand(message, situation)


REPEATED = [
    "my ", "the ", "1 ", "9, ", "10:30 ", "a@b.", "+1 ", "(a+)+$", "\u200b", "no, ", "A vs. ", "me, my wife and ",
    "not Friday but ", "a week before ", "between 1 and ", "8, no wait, ", "the reason is ", "same as before as ",
]  # fmt: skip


@pytest.mark.parametrize("words", REPEATED)
def test_a_message_however_long_is_read(words: str) -> None:
    """A time that grows with the square of the length would run into the limit of a test."""
    slots = {definition.name: definition for definition in (*BOOKING, *OTHERS)}
    message = (words * 64 * 1024)[: 64 * 1024]
    situation = Situation(now=NOW, slots=slots, filled=BOOKED, requested="reason", confirming=True, intents=INTENTS)

    assert RULES.read(message, situation).message == message
