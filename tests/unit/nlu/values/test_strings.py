import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import SlotType

STRING = slot(SlotType.STRING, "name")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Ann Lee", "Ann Lee"),
        ("  Ann \n Lee. ", "Ann Lee"),
        ("My name is Ann Lee.", "Ann Lee"),
        ("it's Ann", "Ann"),
        ("I\u2019m Ann, thanks", "Ann"),
        ("Hello, call me Ann please!", "Ann"),
        ("My name's Ann", "Ann"),
        ("my name\u2019s Ann", "Ann"),
        ("name is Ann", "Ann"),
        ("The name is Ann Lee", "Ann Lee"),
        ("Name: Ann", "Ann"),
        ("my cat is called Ann", "my cat is called Ann"),
        ("Isabel", "Isabel"),
        ("It Is", "It Is"),
        ("\u201cThe Dune\u201d", "The Dune"),
        ("Zoe\u0308", "Zo\u00eb"),
    ],
)
def test_free_text_is_taken_without_what_only_leads_to_it(words: str, expected: str) -> None:
    assert parsed(words, STRING) == expected


def test_a_lead_in_may_name_what_the_slot_is_about() -> None:
    address = slot(SlotType.STRING, "place", description="address of the user")

    assert parsed("the address is 5 High Street", address) == "5 High Street"
    assert parsed("my car is broken", slot(SlotType.STRING, "reason")) == "my car is broken"


@pytest.mark.parametrize("words", ["", " \n", "...", "!?", 5, None, True, ["Ann"]])
def test_what_holds_no_text_is_refused(words: object) -> None:
    assert refusal(words, STRING).reason == "Please answer with a few words."


def test_free_text_is_never_found() -> None:
    assert found("my name is Ann", STRING) == []


@given(words=st.text(min_size=1, max_size=60))
def test_what_is_taken_is_trimmed_normal_and_taken_again_as_it_is(words: str) -> None:
    value = parsed(words, STRING)

    if isinstance(value, str):
        assert value == unicodedata.normalize("NFC", value).strip() != ""
