"""The booking example, as its author wrote it: its pattern of a name, and its few examples of each intent."""

from datetime import date, time
from pathlib import Path

import pytest
from support.reading import BOOKED, NOW

from parley_server.assistants.loading import load_assistant
from parley_server.core.slots import SlotValue
from parley_server.core.understanding import Situation, Understanding
from parley_server.nlu.rules import RulesUnderstander

BOOKING = load_assistant(Path(__file__).parents[3] / "examples" / "booking.yaml")
RULES = RulesUnderstander()


def read(message: str, *, filled: dict[str, SlotValue] | None = None) -> Understanding:
    situation = Situation(
        now=NOW, slots=BOOKING.slots.definitions, filled=filled or {}, intents=BOOKING.router.examples
    )
    return RULES.read(message, situation)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("I'm Ada Lovelace", "Ada Lovelace"),
        ("I\u2019m Ada Lovelace", "Ada Lovelace"),
        ("My name's Ada", "Ada"),
        ("my name is ada lovelace", "ada lovelace"),
        ("i am ada lovelace, ada@example.org", "ada lovelace"),
        ("i'm looking for support", None),
        ("i'm looking for support, ada@example.org", None),
        ("i'm sorry, my email is ada@example.org", None),
        ("call me later", None),
        ("my name is not important", None),
    ],
)
def test_a_name_is_told_from_other_words_in_capitals_or_not(message: str, expected: str | None) -> None:
    found = read(message).slots.get("name")

    assert (found and found.value) == expected


def test_everything_may_be_said_at_once_in_small_letters() -> None:
    understanding = read("book me in for support tomorrow at 3pm, i'm ada, ada@example.org")

    assert {name: candidate.value for name, candidate in understanding.slots.items()} == {
        "service": "support",
        "date": date(2026, 3, 5),
        "time": time(15),
        "name": "ada",
        "email": "ada@example.org",
    }
    assert understanding.intent == "book"


@pytest.mark.parametrize("message", ["the time", "time", "the time please", "change the time", "make it another time"])
def test_to_name_a_slot_that_has_a_value_is_no_question(message: str) -> None:
    understanding = read(message, filled=BOOKED)

    assert understanding.mentioned == {"time"}
    assert understanding.intents == ()


@pytest.mark.parametrize("message", ["hello", "hi there", "good morning", "yes", "great", "nice", "see you tomorrow"])
def test_small_talk_is_no_task(message: str) -> None:
    assert read(message).intents == ()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("when do you close on fridays", "opening_hours"),
        ("what time do you open tomorrow", "opening_hours"),
        ("I need an appointment, thanks", "book"),
        ("could you book me in?", "book"),
        ("thank you so much", "thanks"),
        ("thanks, bye", "thanks"),
        ("ok bye", "goodbye"),
    ],
)
def test_one_intent_stands_out(message: str, expected: str) -> None:
    first, *others = read(message, filled=BOOKED).intents

    assert first.name == expected
    assert all(first.score - other.score >= 0.1 for other in others)
