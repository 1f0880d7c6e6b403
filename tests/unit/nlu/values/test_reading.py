import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import NOW, read, refusal, slot

from parley_server.core.slots import Candidate, Choice, SlotType
from parley_server.nlu.values import READERS, Reference, Refusal, read_slot

ORDER = slot(
    SlotType.STRING, "order", extractor=lambda message: next((w for w in message.split() if w.isupper()), None)
)


def test_every_type_of_slot_has_a_reader() -> None:
    assert set(READERS) == set(SlotType)


def test_the_definitions_own_extractor_decides() -> None:
    assert read("cancel order AB12 now", ORDER) == "AB12"
    assert read("cancel it", ORDER) is None
    assert isinstance(read("cancel it", ORDER, asked=True), Refusal)


def test_what_an_extractor_finds_is_read_as_the_slots_type() -> None:
    weeks = slot(SlotType.INTEGER, "weeks", extractor=lambda message: message.rpartition("for ")[2])

    assert read("2 of us for three weeks", weeks) == 3
    assert isinstance(read("for ever", weeks), Refusal)


def test_free_text_must_be_asked_for() -> None:
    name = slot(SlotType.STRING, "name")

    assert read("Ann", name) is None
    assert read("Ann", name, asked=True) == "Ann"


def test_of_several_values_the_one_near_the_slots_words_is_taken() -> None:
    message = "the phone of the shop is 415-555-2671 and my mobile is 415-555-2672"

    assert read(message, slot(SlotType.PHONE, "mobile")) == "+14155552672"
    assert read(message, slot(SlotType.PHONE, "shop")) == "+14155552671"


def test_a_refusal_comes_only_if_the_slot_was_asked_for() -> None:
    day = slot(SlotType.DATE, "day")

    assert read("February 30", day) is None
    assert isinstance(read("February 30", day, asked=True), Refusal)


@pytest.mark.parametrize("kind", SlotType)
@given(message=st.text(max_size=80))
def test_nothing_that_a_user_may_write_is_too_much(kind: SlotType, message: str) -> None:
    definition = slot(kind, "has_value", choices=(Choice(name="small"), Choice(name="2")))
    for locale in ("en-US", "de-DE", "x"):
        reading = read_slot(message, definition, Reference(now=NOW, locale=locale), asked=True)

        assert isinstance(reading, Candidate | Refusal)


@pytest.mark.parametrize("kind", [kind for kind in SlotType if kind is not SlotType.STRING])
def test_a_text_of_any_length_is_read_up_to_a_bound(kind: SlotType) -> None:
    definition = slot(kind, "has_value", choices=(Choice(name="small"),))

    assert read("x" * 100_000 + " yes small 5 pm 3/8/2026 a@b.com 415-555-2671", definition) is None
    assert "at most" in refusal("x" * 100_000, definition).reason
