from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reading import read, values
from support.values import NOW, found, parsed, refusal, slot

from parley_server.core.slots import SlotType
from parley_server.nlu.values import READERS, Reference

TIME = slot(SlotType.TIME)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("3pm", "15:00"),
        ("3 p.m.", "15:00"),
        ("12 am", "00:00"),
        ("12:30 pm", "12:30"),
        ("15:00:30", "15:00:30"),
        ("9.30pm", "21:30"),
        ("1530 hours", "15:30"),
        ("noon", "12:00"),
        ("at midnight", "00:00"),
        ("half past three", "15:30"),
        ("a quarter to 5", "16:45"),
        ("twenty past seven in the morning", "07:20"),
        ("3 o'clock in the morning", "03:00"),
        ("six forty five pm", "18:45"),
        ("evening 6:15", "18:15"),
        ("12 at night", "00:00"),
        ("in half an hour", "10:30"),
        ("in two hours", "12:00"),
        ("half seven", "19:30"),
        ("730", "19:30"),
        ("1930", "19:30"),
        ("7 30", "19:30"),
        ("19h30", "19:30"),
        ("20 Uhr", "20:00"),
        ("8 uhr 15", "08:15"),
        ("19 h", "19:00"),
        ("around noonish", "12:00"),
    ],
)
def test_a_time_is_read(words: str, expected: str) -> None:
    assert parsed(words, TIME) == time.fromisoformat(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1", 13),
        ("7", 19),
        ("eight", 8),
        ("at 11", 11),
        ("12", 12),
        ("17", 17),
        ("at 9 tonight", 21),
        ("5 this morning", 5),
    ],
)
def test_an_hour_without_am_or_pm_is_read_by_convention(words: str, expected: int) -> None:
    assert parsed(words, TIME) == time(expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("a table for 4 at 7:30 pm on 3/8/2026", [time(19, 30)]),
        ("I arrive at 7am and leave at 9pm", [time(7), time(21)]),
        ("a table for two at eleven am", [time(11)]),
        ("a table for 4", []),
        ("call 415-555-0123 about $3.50", []),
        ("two adults and 1 child", []),
    ],
)
def test_times_are_told_from_other_numbers(message: str, expected: list[time]) -> None:
    assert found(message, TIME) == expected


@pytest.mark.parametrize("words", ["25:00", "13:75", "13 am", "0 pm", "at 30"])
def test_what_no_clock_shows_is_refused_by_name(words: str) -> None:
    assert found(words, TIME) == []
    assert refusal(words, TIME).raw == words


@pytest.mark.parametrize("words", ["soon", "", 15, None, True, "2 or 3 of them"])
def test_what_is_no_time_is_refused_with_an_example(words: object) -> None:
    assert "such as" in refusal(words, TIME).reason


def test_two_times_are_no_one_time() -> None:
    assert refusal("3 pm or 4 pm", TIME).raw == "3 pm or 4 pm"


@given(moment=st.times().map(lambda moment: moment.replace(microsecond=0)))
def test_a_time_that_is_written_out_is_read_back(moment: time) -> None:
    assert parsed(moment.isoformat(), TIME) == moment
    assert parsed(f"at {moment:%I:%M:%S %p}", TIME) == moment


RULED = slot(SlotType.TIME, validators=(lambda _value, _known: None,))
GUESTS = slot(SlotType.INTEGER, "guests")


@pytest.mark.parametrize(
    ("message", "expected", "others"),
    [
        ("at 8", "08:00", ("20:00",)),
        ("half past 7", "19:30", ("07:30",)),
        ("8 in the evening", "20:00", ()),
        ("8pm", "20:00", ()),
        ("14:30", "14:30", ()),
    ],
)
def test_the_other_half_of_the_day_is_left_to_the_slots_rules(
    message: str, expected: str, others: tuple[str, ...]
) -> None:
    (candidate,) = READERS[SlotType.TIME].find(message, RULED, Reference(now=NOW))

    assert candidate.value == time.fromisoformat(expected)
    assert candidate.others == tuple(map(time.fromisoformat, others))
    (unruled,) = READERS[SlotType.TIME].find(message, TIME, Reference(now=NOW))
    assert unruled.others == ()


def test_the_definition_tells_the_half_of_the_day() -> None:
    assert parsed("8", slot(SlotType.TIME, "dinner_time")) == time(20)
    assert parsed("6", slot(SlotType.TIME, description="when you have breakfast")) == time(6)


@pytest.mark.parametrize(
    ("message", "requested", "expected"),
    [
        ("eight", "value", {"value": time(8)}),
        ("eight", "guests", {"guests": 8}),
        ("maybe 8 or so", "value", {"value": time(8)}),
        ("8 people", "value", {"guests": 8}),
        ("7 for 4", "value", {"value": time(19), "guests": 4}),
        ("room 8", "value", {"guests": 8}),
        ("six pm, no wait, seven", "", {"value": time(19)}),
        ("at 7, sorry, 8", "", {"value": time(8)}),
        ("7:30 or 8", "value", {}),
        ("between 7 and 8", "value", {}),
    ],
)
def test_a_bare_hour_is_a_time_where_one_was_asked_for_or_is_replaced(
    message: str, requested: str, expected: dict[str, object]
) -> None:
    assert values(read(message, slots=(TIME, GUESTS), requested=requested)) == expected
