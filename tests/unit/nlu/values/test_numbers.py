import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reading import read, values
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import SlotType

INTEGER = slot(SlotType.INTEGER)
FLOAT = slot(SlotType.FLOAT)
WORDS = ["one", "twenty", "hundred", "thousand", "and", "a", "half", "third", "of", "point", "3", "1/2", "million"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("3", 3),
        ("minus three million two hundred thousand", -3_200_000),
        ("1,674,200", 1_674_200),
        ("12,34,567", 1_234_567),
        ("twenty-six", 26),
        ("one thousand six hundred and eighty dollars", 1_680),
        ("4 thousand 3 hundred and 21", 4_321),
        ("two hundred and fifty three thousand and one", 253_001),
        ("three crore twelve lakh", 31_200_000),
        ("2 dozen", 24),
        ("a couple", 2),
        ("100k", 100_000),
        ("2mil", 2_000_000),
        ("10 M", 10_000_000),
        ("45 (forty five)", 45),
        ("2.0", 2),
        (7, 7),
        (7.0, 7),
    ],
)
def test_a_whole_number_is_read(words: object, expected: int) -> None:
    value = parsed(words, INTEGER)

    assert value == expected
    assert type(value) is int


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("$48.2 million", 48_200_000.0),
        ("five and a half", 5.5),
        ("five and a half million", 5_500_000.0),
        ("forty two and a third", 42 + 1 / 3),
        ("48.5 MGBP", 48_500_000.0),
        ("about MAUD 60", 60_000_000.0),
        ("three fifths", 0.6),
        ("1 4/5", 1.8),
        ("2½", 2.5),
        ("half a million", 500_000.0),
        ("two thirds of a million", 2_000_000 / 3),
        ("naught point five", 0.5),
        ("- 0.25", -0.25),
        ("3", 3.0),
        (3, 3.0),
    ],
)
def test_a_number_is_read_without_its_unit(words: object, expected: float) -> None:
    value = parsed(words, FLOAT)

    assert value == pytest.approx(expected)
    assert type(value) is float


@pytest.mark.parametrize(
    "words", ["many", "", "two or three", True, None, "2026-03-08", "4:30", "9" * 400, math.nan, math.inf, 10**400]
)
def test_what_is_no_number_is_refused_with_an_example(words: object) -> None:
    assert "such as" in refusal(words, INTEGER).reason
    assert "such as" in refusal(words, FLOAT).reason


@pytest.mark.parametrize(("words", "raw"), [("2.5", "2.5"), ("about two and a half", "two and a half"), (2.5, "")])
def test_a_fraction_is_no_whole_number(words: object, raw: str) -> None:
    assert refusal(words, INTEGER).raw == raw


@pytest.mark.parametrize(
    "message",
    [
        "that one is really good, the first one",
        "a one-way flight",
        "on 3/8/2026 at 7:30 pm",
        "the 22nd, or the twenty second",
        "meet me at quarter past nine",
        "version 1.5.2",
        "write to ann22@example.com about A4",
    ],
)
def test_digits_and_words_that_count_nothing_are_not_found(message: str) -> None:
    assert found(message, INTEGER) == []


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("rooms", "2 rooms for 3 adults and 1 child for 4 nights", 2),
        ("adults", "2 rooms for 3 adults and 1 child for 4 nights", 3),
        ("kids", "2 rooms for 3 adults and 1 child for 4 nights", 1),
        ("nights", "2 rooms for 3 adults and 1 child for 4 nights", 4),
        ("party_size", "a table at 8 for a party of six", 6),
        ("people", "2 couples at 9:15", 2),
        ("number_of_tickets", "I need 3, at 20 dollars each", 3),
        ("rooms", "a room for 2 people", 1),
        ("kids", "we bring our toddler", 1),
        ("kids", "no kids this time", 0),
        ("people", "just me, please", 1),
        ("people", "me and my wife", 2),
        ("people", "tell me and book it", None),
        ("rooms", "a table for 3 people", None),
    ],
)
def test_a_number_is_the_slots_whose_things_it_counts(name: str, message: str, expected: int | None) -> None:
    assert values(read(message, slots=[slot(SlotType.INTEGER, name)])).get(name) == expected


@given(number=st.integers(min_value=-(10**15), max_value=10**15))
def test_every_whole_number_is_read_back(number: int) -> None:
    assert parsed(str(number), INTEGER) == number
    assert parsed(f"{number:,}", INTEGER) == number
    assert parsed(number, INTEGER) == number


@given(words=st.lists(st.sampled_from(WORDS)))
def test_no_sequence_of_number_words_is_too_much(words: list[str]) -> None:
    for value in found(" ".join(words), FLOAT):
        assert isinstance(value, float)


@pytest.mark.parametrize(
    ("words", "american", "german"),
    [
        ("49,90", 49.9, 49.9),
        ("1.234,56", 1234.56, 1234.56),
        ("1,234.56", 1234.56, 1234.56),
        ("1 234,56", 1234.56, 1234.56),
        ("1'234.50", 1234.5, 1234.5),
        ("1.234.567", 1_234_567.0, 1_234_567.0),
        ("20 000", 20_000.0, 20_000.0),
        ("1.234", 1.234, 1234.0),
        ("1,234", 1234.0, 1.234),
        ("EUR 1.000", 1000.0, 1000.0),
        ("1.000,- \u20ac", 1000.0, 1000.0),
        ("twenty dollars and fifty cents", 20.5, 20.5),
        ("49 euros 90", 49.9, 49.9),
    ],
)
def test_the_marks_in_a_number_tell_decimals_from_thousands_or_else_the_locale_does(
    words: str, american: float, german: float
) -> None:
    assert parsed(words, FLOAT) == american
    assert parsed(words, FLOAT, locale="de-DE") == german


@pytest.mark.parametrize("words", ["6 or 7", "6-8", "one fifty", "between 6 and 8"])
def test_of_several_numbers_one_is_asked_for(words: str) -> None:
    assert "one number alone" in refusal(words, INTEGER).reason
    assert not read(words, slots=(slot(SlotType.INTEGER, "guests"),), requested="guests").slots


@pytest.mark.parametrize("words", ["9" * 400, "one million billion trillion"])
def test_a_number_beyond_what_a_turn_carries_is_said_to_be_too_large(words: str) -> None:
    assert "too large" in refusal(words, INTEGER).reason


PARTY = (
    slot(SlotType.INTEGER, "guests", description="how many people come"),
    slot(SlotType.INTEGER, "children", description="how many of the guests are children"),
)
FAMILY = (slot(SlotType.INTEGER, "adults"), slot(SlotType.INTEGER, "kids"))


@pytest.mark.parametrize(
    ("message", "guests", "children"),
    [
        ("4 people, 2 of them children", 4, 2),
        ("five people, three of whom are kids", 5, 3),
        ("it's for 4 of us, 1 is a baby", 4, 1),
        ("4 (2 kids)", 4, 2),
        ("3 adults and 2 children", 5, 2),
        ("me, my wife and our two sons", 4, 2),
        ("my parents and I", 3, None),
        ("party of 6 with a kid", 6, 1),
        ("just me", 1, None),
        ("me and my friends", None, None),
        ("one of us is pregnant", None, None),
    ],
)
def test_the_whole_of_a_party_is_told_from_its_parts(message: str, guests: int | None, children: int | None) -> None:
    found = values(read(message, slots=PARTY, requested="guests"))

    assert (found.get("guests"), found.get("children")) == (guests, children)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("me with my mom and dad", {"adults": 3}),
        ("3 adults, 1 child", {"adults": 3, "kids": 1}),
        ("two adults, two kids and a baby", {"adults": 2, "kids": 3}),
        ("dad", {}),
    ],
)
def test_people_who_are_told_one_by_one_are_counted_by_kind(message: str, expected: dict[str, int]) -> None:
    assert values(read(message, slots=FAMILY)) == expected
