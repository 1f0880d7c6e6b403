"""Expressions: what the types of slots are in CEL, what is refused at load, and what can not be evaluated."""

from datetime import date, time
from typing import Any

import pytest
from support.conversations import NOW, scope, understood

from parley_server.assistants.expressions import Expressions
from parley_server.core.slots import SlotType, SlotValue, ValidationScope

ALL_TYPES = Expressions({slot_type.value: slot_type for slot_type in SlotType})
VALUES: dict[str, SlotValue] = {
    "string": "a text",
    "integer": 3,
    "float": 2.5,
    "boolean": True,
    "date": date(2026, 3, 6),
    "time": time(15, 0, 30),
    "email": "ada@example.org",
    "phone": "+14155550100",
    "choice": "sales",
}


def holds(source: str, **fields: Any) -> bool:
    return ALL_TYPES.condition(source)(scope(**fields))


@pytest.mark.parametrize(
    "source",
    [
        'slots.string == "a text" && slots.string.startsWith("a") && size(slots.string) == 6',
        "slots.integer > 2 && slots.integer * 2 == 6",
        "slots.float > 2.0 && slots.float > double(slots.integer) - 1.0",
        "slots.boolean",
        'slots.date == today + duration("48h") && slots.date > now && slots.date.getDayOfWeek() == 5',
        'slots.time == "15:00" && slots.time > "14:30"',
        'slots.email.endsWith("@example.org") && slots.phone.startsWith("+1") && slots.choice in ["sales", "support"]',
        "has(slots.integer)",
        "turn == 1 && today <= now && now.getHours() == 10",
        'message.contains("hello") && intent == ""',
        'metadata.tier == "gold" && metadata["seats"] == 3 && metadata.address.city == "Bern" && "x" in metadata.tags',
        "!has(metadata.missing)",
    ],
)
def test_a_condition_sees_the_turn_with_the_types_of_its_slots(source: str) -> None:
    metadata = {"tier": "gold", "seats": 3, "address": {"city": "Bern"}, "tags": ["x"]}

    assert holds(source, slots=VALUES, metadata=metadata, understanding=understood("oh hello"))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "not an expression"),
        ("slots.integer >", "not an expression"),
        ("slots.size == 1", "there is no slot `size`"),
        ("size == 1", "undeclared reference to 'size'"),
        ("phase == 'greeting'", "undeclared reference to 'phase'"),
        ('slots.integer == "3"', "no matching overload"),
        ("slots.float > 2", "no matching overload"),
        ('slots.date > "2026-03-06"', "no matching overload"),
        ("slots.integer", "gives integer, where true or false is needed"),
        ('"yes"', "gives text, where true or false is needed"),
        ("metadata", "where true or false is needed"),
    ],
)
def test_what_can_not_be_right_is_refused_at_load(source: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        ALL_TYPES.condition(source)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "metadata.missing",
        "metadata.missing == true",
        "!metadata.missing",
        "metadata.tier > 3",
        "1 / slots.integer == 1",
    ],
)
def test_a_condition_that_can_not_be_evaluated_does_not_hold(source: str) -> None:
    assert not holds(source, metadata={"tier": "gold"})


@pytest.mark.parametrize("name", VALUES)
def test_has_tells_a_slot_without_a_value_from_an_empty_one(name: str) -> None:
    empty = {**VALUES, "string": "", "integer": 0, "float": 0.0, "boolean": False}

    assert holds(f"has(slots.{name})", slots=empty)
    assert not holds(f"has(slots.{name})")


def test_a_slot_that_the_definition_has_given_up_is_not_seen() -> None:
    assert holds("slots.integer == 3", slots={**VALUES, "given_up": "x"})


def test_a_value_of_the_type_that_a_slot_had_before_makes_no_condition_hold() -> None:
    assert not holds("slots.integer < 9 || slots.boolean", slots={"integer": "three", "boolean": True})


def test_a_value_of_another_type_makes_no_difference_to_what_does_not_name_it() -> None:
    assert holds("slots.boolean", slots={"integer": "three", "boolean": True})


def test_a_condition_may_look_at_all_slots_at_once() -> None:
    nothing = "slots == parley.assistant.Slots{}"

    assert holds(nothing)
    assert not holds(nothing, slots={"integer": 3})


@pytest.mark.parametrize("words", ["(urgent|as soon as possible|calls?)", "(Urgent| call)"])
@pytest.mark.parametrize("edge", [r"\\b", ""])
@pytest.mark.parametrize("flag", ["(?i)", ""])
def test_looking_for_words_gives_the_same_as_looking_for_any_pattern(flag: str, edge: str, words: str) -> None:
    messages = [
        "it is urgent!",
        "URGENT",
        "Urgent",
        "urgently",
        "as soon\nas possible",
        "AS SOON AS POSSIBLE",
        "two calls",
        "recall",
        "_call",
        "a\u017f soon as possible",
        "\u00e9urgent",
        "",
    ]
    pattern = f'message.matches("{flag}{edge}{words}{edge}")'

    for message in messages:
        said = understood(message)
        assert holds(pattern, understanding=said) is holds(f"({pattern})", understanding=said), message


def test_names_that_differ_in_their_spelling_alone_are_different_slots() -> None:
    spelled = Expressions({"startAt": SlotType.INTEGER, "start_at": SlotType.INTEGER, "start": SlotType.INTEGER})

    assert spelled.condition("slots.startAt == 1 && slots.start_at == 2")(scope(slots={"startAt": 1, "start_at": 2}))


@pytest.mark.parametrize(
    ("source", "slot_type", "good", "bad"),
    [
        ("value >= today", SlotType.DATE, date(2026, 3, 4), date(2026, 3, 3)),
        ('value >= "09:00" && value < "18:00"', SlotType.TIME, time(9), time(18)),
        ("value > slots.integer", SlotType.INTEGER, 4, 3),
        ("value <= 1.5", SlotType.FLOAT, 1.5, 1.6),
        ("value", SlotType.BOOLEAN, True, False),
        ('value.matches("^[A-Z]{2}[0-9]{4}$")', SlotType.STRING, "AB1234", "AB123"),
        ("value != slots.choice", SlotType.CHOICE, "support", "sales"),
        ("10 / value > 1", SlotType.INTEGER, 2, 0),
    ],
)
def test_a_check_holds_of_good_values_alone(source: str, slot_type: SlotType, good: SlotValue, bad: SlotValue) -> None:
    check = ALL_TYPES.check(source, slot_type)
    known = ValidationScope(slots=VALUES, now=NOW)

    assert check(good, known) is True
    assert check(bad, known) is False


def test_a_check_knows_nothing_of_the_message() -> None:
    with pytest.raises(ValueError, match="undeclared reference to 'message'"):
        ALL_TYPES.check("message == value", SlotType.STRING)
