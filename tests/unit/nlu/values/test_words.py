import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley_server.nlu.values.words import folded, singular, stem, stems_of


@pytest.mark.parametrize(
    "words", ["share shares sharing shared", "city cities", "box boxes", "plan planning planned", "pet pet's pets"]
)
def test_the_forms_of_a_word_have_one_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize(
    ("plural", "expected"),
    [("tickets", "ticket"), ("churches", "church"), ("business", "business"), ("checking", "checking")],
)
def test_only_the_ending_of_the_plural_is_cut_for_the_singular(plural: str, expected: str) -> None:
    assert singular(plural) == expected


def test_words_that_say_nothing_are_left_out() -> None:
    assert stems_of("Date of the reservation, or to find the reservations") == ("reservation", "find")


@given(text=st.text())
def test_folding_keeps_every_character_at_its_place(text: str) -> None:
    assert len(folded(text)) == len(text)
