"""What a definition itself finds: by its pattern, or by its author's code."""

import re

import pytest
from support.reading import read, slot, values

from parley_server.core.slots import SlotDefinition, SlotType, SlotValue

ORDER = SlotDefinition(
    name="order", type=SlotType.STRING, extractor=re.compile(r"\b(?P<value>[A-Z]{2}\d*)\b|\b(?P<none>it)\b")
)
WEEKS = SlotDefinition(name="weeks", type=SlotType.INTEGER, extractor=re.compile("for (?P<value>.*)"))


@pytest.mark.parametrize(
    ("definition", "message", "expected"),
    [
        (ORDER, "cancel order AB12 now", {"order": "AB12"}),
        (ORDER, "cancel it", {}),
        (WEEKS, "2 of us for three weeks", {"weeks": 3}),
        (WEEKS, "2 of us for ever", {}),
    ],
)
def test_the_definitions_own_extractor_decides_and_what_it_finds_is_read_as_the_slots_type(
    definition: SlotDefinition, message: str, expected: dict[str, SlotValue]
) -> None:
    assert values(read(message, slots=[definition])) == expected


def test_what_an_extractor_finds_and_is_no_value_is_refused_where_it_was_asked_for() -> None:
    refused = read("for 2.5", slots=[WEEKS], requested="weeks").rejected

    assert [(rejection.slot, rejection.raw) for rejection in refused] == [("weeks", "2.5")]


ZIP = SlotDefinition(name="zip", type=SlotType.STRING, extractor=re.compile(r"\b(?P<value>\d{5})\b"))


@pytest.mark.parametrize(
    ("message", "requested", "expected"),
    [
        ("the zip is 10002", "", {"zip": "10002"}),
        ("10002", "zip", {"zip": "10002"}),
        ("3 of us, zip 10002", "", {"zip": "10002", "guests": 3}),
        ("10002 guests", "", {"guests": 10002}),
        ("call 0171 5550123", "", {}),
    ],
)
def test_a_text_that_the_definition_finds_is_weighed_as_what_else_it_may_be(
    message: str, requested: str, expected: dict[str, SlotValue]
) -> None:
    assert values(read(message, slots=[ZIP, slot("guests", SlotType.INTEGER)], requested=requested)) == expected


def test_a_pattern_of_the_definitions_own_is_not_searched_for_without_end() -> None:
    slow = SlotDefinition(name="order", type=SlotType.STRING, extractor=re.compile(r"(?P<value>(?:\w+ )+in \d+)"))

    said = read(f"{'word ' * 200}order in 7", slots=[slow])

    assert values(said) == {}


CODED = SlotDefinition(name="order", type=SlotType.STRING, extractor=lambda message: message)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("No. 7-3", {"order": "No. 7-3", "nights": 2}),
        ("no73", {"order": "no73", "nights": 2}),
        ("the usual", {"order": "the usual", "nights": 2}),
        ("", {"nights": 2}),
    ],
    ids=["its words", "its letters", "in other words", "nothing"],
)
def test_what_the_definitions_own_code_has_found_is_read_as_the_slots_type(
    words: str, expected: dict[str, SlotValue]
) -> None:
    nights = slot("nights", SlotType.INTEGER)

    said = read("order No. 7-3 for 2 nights", slots=[CODED, nights], extracted={"order": words})

    assert values(said) == expected
