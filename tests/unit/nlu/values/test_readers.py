"""What holds for the readers of all types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.values import found, parsed, refusal, slot

from parley_server.core.slots import Choice, SlotType
from parley_server.nlu.values import READERS

CHOICES = (Choice(name="small"), Choice(name="2"))


def test_every_type_of_slot_has_a_reader() -> None:
    assert set(READERS) == set(SlotType)


@pytest.mark.parametrize("kind", SlotType)
@given(message=st.text(max_size=80), locale=st.sampled_from(["en-US", "de-DE", "x"]))
def test_nothing_that_a_user_may_write_is_too_much(kind: SlotType, message: str, locale: str) -> None:
    definition = slot(kind, "has_value", choices=CHOICES)

    for value in [*found(message, definition, locale=locale), parsed(message, definition, locale=locale)]:
        assert value is not None


@pytest.mark.parametrize("kind", [kind for kind in SlotType if kind is not SlotType.STRING])
def test_a_text_of_any_length_is_read_up_to_a_bound(kind: SlotType) -> None:
    definition = slot(kind, "has_value", choices=CHOICES)

    assert found("x" * 100_000 + " yes small 5 pm 3/8/2026 a@b.com 415-555-2671", definition) == []
    assert "at most" in refusal("x" * 100_000, definition).reason
