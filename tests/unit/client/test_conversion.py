from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import parley
from parley.conversion import phase_of, session_of, slot_message, slot_value_of, slots_of, struct_message
from parley.v1 import session_pb2

SLOT_VALUES = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates()
    | st.times().map(lambda value: value.replace(microsecond=0))
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(SLOT_VALUES)
def test_a_slot_keeps_its_value_and_its_type(value: parley.SlotValue) -> None:
    read = slot_value_of(slot_message(value))

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("value", [datetime(2026, 3, 8, tzinfo=UTC), None, b"", ["a"], 1j])
def test_what_is_no_slot_value_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        slot_message(value)


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        slot_message(2**63)


def test_a_slot_of_a_later_version_is_left_out() -> None:
    messages = {"day": slot_message(date(2026, 3, 8)), "place": session_pb2.SlotValue()}

    assert slots_of(messages) == {"day": date(2026, 3, 8)}


def test_the_seconds_of_a_time_may_be_left_out() -> None:
    assert slot_value_of(session_pb2.SlotValue(time_value="15:00")) == time(15)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_metadata_comes_back_as_it_was_sent(metadata: dict[str, parley.Json]) -> None:
    session = session_of(session_pb2.Session(metadata=struct_message(metadata)))

    assert session.metadata == metadata


@pytest.mark.parametrize(
    ("metadata", "error"),
    [({"a": float("nan")}, ValueError), ({"a": [float("inf")]}, ValueError), ({"a": date(2026, 3, 8)}, TypeError)],
)
def test_metadata_that_is_not_json_is_refused(metadata: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        struct_message(metadata)


def test_the_client_knows_every_phase_of_the_contract() -> None:
    contract = {name.removeprefix("PHASE_"): number for name, number in session_pb2.Phase.items()}

    assert {phase.value for phase in parley.Phase} == contract.keys()
    assert all(phase_of(number) == name for name, number in contract.items())


def test_a_phase_of_a_later_version_is_unspecified() -> None:
    assert phase_of(session_pb2.Phase.ValueType(99)) is parley.Phase.UNSPECIFIED


def test_a_session_that_never_expires_has_no_expiry() -> None:
    assert session_of(session_pb2.Session()).expires_at is None
