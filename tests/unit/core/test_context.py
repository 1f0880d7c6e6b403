"""The context: values that are set without being changed in place, and a stored form that loses nothing."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conversations import NOW, context

from parley_server.core.context import ConversationContext, ConversationPhase, Frame, Message, StateChange, Turn
from parley_server.core.slots import Rejection, SlotsChange
from parley_server.core.snapshot import VERSION, dump_context, dump_turn, load_context, load_turn
from parley_server.errors import SessionCorrupt

texts = st.text(st.characters(codec="utf-8"), max_size=20)
moments = st.integers(0, 2**32 * 10**6).map(lambda micros: NOW + timedelta(microseconds=micros))
values = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.times(),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
frames = st.builds(Frame, flow=texts, state=texts)
contexts = st.builds(
    ConversationContext,
    session_id=st.just("s-1"),
    assistant=texts,
    assistant_version=texts,
    created_at=moments,
    updated_at=moments,
    user_id=texts,
    phase=st.sampled_from(ConversationPhase),
    stack=st.lists(frames, max_size=3).map(tuple),
    slots=st.dictionaries(texts, values, max_size=5),
    requested_slot=texts,
    attempts=st.integers(0, 9),
    metadata=st.dictionaries(texts, json_values, max_size=3),
    turn_count=st.integers(0, 10**6),
    locale=texts,
    time_zone=texts,
    history=st.just(()),
)
phases = st.sampled_from(ConversationPhase)
turns = st.builds(
    Turn,
    turn=st.integers(1, 10**6),
    request_id=texts,
    user_message=texts,
    reply=texts,
    slots_changed=st.builds(
        SlotsChange,
        filled=st.dictionaries(texts, values, max_size=3),
        cleared=st.lists(texts, max_size=2).map(tuple),
        rejected=st.lists(st.builds(Rejection, slot=texts, reason=texts, raw=texts), max_size=2).map(tuple),
    ),
    state_changed=st.lists(st.builds(StateChange, from_state=texts, to_state=texts, phase=phases), max_size=2).map(
        tuple
    ),
    intent=texts,
    started_at=moments,
    completed_at=moments,
)


@given(contexts)
def test_a_context_survives_its_stored_form_whole(before: ConversationContext) -> None:
    after = load_context(dump_context(before), session_id="s-1")

    assert after == before
    assert [type(value) for value in after.slots.values()] == [type(value) for value in before.slots.values()]


@given(turns, texts)
def test_a_turn_survives_its_stored_form_whole(before: Turn, fingerprint: str) -> None:
    after = load_turn(dump_turn(before, fingerprint=fingerprint), session_id="s-1")

    assert (after.turn, after.fingerprint) == (before, fingerprint)


def test_times_survive_to_the_microsecond_and_in_utc() -> None:
    moment = datetime(2026, 3, 4, 10, 20, 30, 123456, tzinfo=UTC)

    after = load_context(dump_context(context(created_at=moment, updated_at=moment)), session_id="s-1")

    assert (after.created_at, after.updated_at) == (moment, moment)
    assert after.created_at.tzinfo is UTC


def test_history_is_kept_apart_from_the_snapshot_and_joined_again() -> None:
    turn = Turn(
        turn=1,
        request_id="r",
        user_message="hi",
        reply="hello",
        slots_changed=SlotsChange(),
        state_changed=(),
        intent="",
        started_at=NOW,
        completed_at=NOW,
    )
    before = context(history=(turn,))

    after = load_context(dump_context(before), session_id="s-1", history=(turn,))

    assert after == before
    assert b"hello" not in dump_context(before)
    assert after.recent_messages(1) == (Message("assistant", "hello"),)
    assert after.recent_messages(9) == (Message("user", "hi"), Message("assistant", "hello"))
    assert after.recent_messages(0) == ()


def test_a_form_of_a_newer_server_is_refused_by_its_version() -> None:
    newer = json.loads(dump_context(context())) | {"version": VERSION + 1, "something": "new"}

    with pytest.raises(SessionCorrupt, match=f"form {VERSION + 1}; this one reads up to {VERSION}"):
        load_context(json.dumps(newer).encode(), session_id="s-1")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"version":1}', b"\xff\xfe", b'{"version":"x"}'])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(SessionCorrupt):
        load_context(data, session_id="s-1")


def test_a_snapshot_of_another_session_is_refused() -> None:
    with pytest.raises(SessionCorrupt, match="another session's"):
        load_context(dump_context(context()), session_id="s-2")


def test_slots_are_set_and_cleared_without_changing_the_context_in_place() -> None:
    empty = context()

    filled = empty.set_slot("day", date(2026, 3, 6)).set_slot("at", time(15))
    cleared = filled.clear_slot("day", "unknown")

    assert not empty.slots
    assert filled.get_slot("day") == date(2026, 3, 6)
    assert filled.has_slot("at")
    assert not cleared.has_slot("day")
    assert cleared.get_slot("day") is None
    assert cleared.has_slot("at")


def test_two_contexts_never_share_their_slots() -> None:
    one, other = context(session_id="a"), context(session_id="b")

    one = one.set_slot("name", "Ada").merge_metadata({"vip": True}).push(Frame("flow", "state"))

    assert (dict(other.slots), dict(other.metadata), other.stack) == ({}, {}, ())
    assert one.get_slot("name") == "Ada"


def test_a_transition_moves_the_top_of_the_stack_alone() -> None:
    below, above = Frame("booking", "details"), Frame("hours", "answer")

    moved = context(stack=(below, above)).transition_to("more", phase=ConversationPhase.PROCESSING)

    assert moved.position == "booking/details > hours/more"
    assert moved.phase is ConversationPhase.PROCESSING
    assert moved.pop().frame == below
    assert moved.pop().pop().frame is None


def test_metadata_are_merged_and_a_none_removes_its_key() -> None:
    merged = context(metadata={"a": 1, "b": 2}).merge_metadata({"b": None, "c": [3]})

    assert merged.metadata == {"a": 1, "c": [3]}
