import pytest
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import SlotType

PARKING = slot(SlotType.BOOLEAN, "has_parking")


@pytest.mark.parametrize("words", ["yes", "Yep, please!", "sure", "sounds good", "ok", "absolutely", "👍🏽", True])
def test_a_yes_is_true(words: object) -> None:
    assert parsed(words, PARKING) is True


@pytest.mark.parametrize("words", ["no", "Nope.", "no thanks", "not really", "I don't", "👎", False])
def test_a_no_is_false(words: object) -> None:
    assert parsed(words, PARKING) is False


@pytest.mark.parametrize("words", ["maybe", "", "what does it cost?", 1, 0, None, "Tuesday"])
def test_what_is_neither_is_refused(words: object) -> None:
    assert refusal(words, PARKING).reason == "Please answer yes or no."


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("has_parking", "a hotel with parking, please", [True]),
        ("has_parking", "I don't need any parking", [False]),
        ("has_parking", "no, wait. With parking", [True]),
        ("has_wifi", "it should have Wi-Fi", [True]),
        ("pets_allowed", "an apartment that allows my pet", [True]),
        ("pets_allowed", "no pets", [False]),
        ("smoking_allowed", "a non-smoking room", [False]),
        ("shared_ride", "sharing is fine", [True]),
        ("shared_ride", "I need a ride", []),
        ("has_parking", "does the hotel have parking?", []),
        ("has_parking", "tell me if there is parking", []),
        ("has_parking", "two rooms, yes", []),
    ],
)
def test_the_slots_own_words_are_found_unasked(name: str, message: str, expected: list[bool]) -> None:
    assert found(message, slot(SlotType.BOOLEAN, name)) == expected
