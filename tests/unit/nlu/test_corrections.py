"""Corrections: what a message changes, what it names, and what it no longer confirms."""

from datetime import date, time

import pytest
from support.reading import BOOKED, read, slot, values

from parley_server.core.slots import SlotType, SlotValue
from parley_server.core.understanding import Answer

MONDAY = date(2026, 3, 9)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no, make it Monday", {"date": MONDAY}),
        ("I meant Monday", {"date": MONDAY}),
        ("not Friday but Monday", {"date": MONDAY}),
        ("change it from Friday to Monday", {"date": MONDAY}),
        ("can we do it on Monday?", {"date": MONDAY}),
        ("sorry, 4pm", {"time": time(16)}),
        ("actually 4pm", {"time": time(16)}),
        ("yes, but make it 4pm", {"time": time(16)}),
        ("change the email to bob@example.org", {"email": "bob@example.org"}),
        ("I'd prefer sales instead", {"service": "sales"}),
        ("no, Monday at 4pm", {"date": MONDAY, "time": time(16)}),
    ],
)
def test_a_correction_changes_the_value_and_denies_what_was_to_be_confirmed(
    message: str, expected: dict[str, SlotValue]
) -> None:
    understanding = read(message, filled=BOOKED, confirming=True)

    assert values(understanding) == expected
    assert understanding.correction
    assert understanding.answer is Answer.NO


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("change the date", {"date"}),
        ("the e-mail is wrong", {"email"}),
        ("the mail address is not right", {"email"}),
        ("can I change the day?", {"date"}),
        ("yes, but the time is wrong", {"time"}),
        ("I want a different service", {"service"}),
        ("change the date and the time", {"date", "time"}),
    ],
)
def test_a_slot_that_is_to_be_changed_is_mentioned(message: str, expected: set[str]) -> None:
    understanding = read(message, filled=BOOKED, confirming=True)

    assert understanding.mentioned == expected
    assert understanding.correction
    assert understanding.answer is Answer.NO


def test_a_slots_name_alone_mentions_it_and_corrects_nothing() -> None:
    understanding = read("the date", filled=BOOKED, confirming=True)

    assert understanding.mentioned == {"date"}
    assert not understanding.correction
    assert understanding.answer is None


@pytest.mark.parametrize("message", ["what time is it?", "on which date was that", "the time flies", "yes"])
def test_a_slots_name_in_passing_mentions_nothing(message: str) -> None:
    assert read(message, filled=BOOKED, confirming=True).mentioned == frozenset()


@pytest.mark.parametrize(
    "message", ["yes", "yes, Friday is fine", "that's right", "Sounds good, thanks", "yes, the date is right"]
)
def test_what_agrees_corrects_nothing(message: str) -> None:
    understanding = read(message, filled=BOOKED, confirming=True)

    assert understanding.answer is Answer.YES
    assert not understanding.correction


@pytest.mark.parametrize("message", ["Monday", "Monday please", "let's make it Monday"])
def test_a_first_value_corrects_nothing(message: str) -> None:
    understanding = read(message, requested="date")

    assert values(understanding) == {"date": MONDAY}
    assert not understanding.correction


def test_a_wish_for_something_else_takes_a_yes_back() -> None:
    understanding = read("it sounds good, but do you have others?", filled=BOOKED, confirming=True)

    assert understanding.answer is Answer.NO


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("change the check-in date to the 9th", {"check_in_date": MONDAY}),
        ("no, check out on the 9th", {"check_out_date": MONDAY}),
    ],
)
def test_of_two_slots_of_a_type_the_one_that_is_named_is_corrected(
    message: str, expected: dict[str, SlotValue]
) -> None:
    slots = [slot("check_in_date", SlotType.DATE), slot("check_out_date", SlotType.DATE)]
    filled: dict[str, SlotValue] = {"check_in_date": date(2026, 3, 6), "check_out_date": date(2026, 3, 8)}

    assert values(read(message, slots=slots, filled=filled, confirming=True)) == expected
