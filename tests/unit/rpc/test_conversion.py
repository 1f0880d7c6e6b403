"""Conversion: nothing is lost or changed on its way over the wire, in either direction."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.conversations import NOW, context
from support.strategies import json_objects, slot_values, texts

from parley.conversion import event_of, session_of, slot_message, struct_message, turn_of
from parley.v1 import conversation_pb2 as wire
from parley.v1.session_pb2 import SlotValue as WireValue
from parley_server.core.context import ConversationContext, ConversationPhase, Frame, Json, StateChange, Turn
from parley_server.core.explanation import ExplanationStep
from parley_server.core.slots import Rejection, SlotsChange, SlotValue
from parley_server.errors import InvalidRequest
from parley_server.rpc.conversion import chat_command, chat_response, end_response, get_response
from parley_server.service.events import ChatEvent, Ended, SessionView, TextDelta, TurnCompleted, TurnStarted

moments = st.integers(0, 2**32 * 10**6).map(lambda micros: NOW + timedelta(microseconds=micros))


def view(**fields: Any) -> SessionView:
    return SessionView(context=context(**fields), missing_slots=(), choices=(), expires_at=None)


@given(st.dictionaries(texts, slot_values, max_size=5), json_objects)
def test_what_a_caller_gives_arrives_as_it_was(slots: Mapping[str, SlotValue], metadata: Mapping[str, Json]) -> None:
    messages = {name: slot_message(value) for name, value in slots.items()}

    command = chat_command(wire.ChatRequest(slots=messages, metadata=struct_message(metadata)), "default")  # type: ignore[arg-type]  # the two packages each name JSON

    assert command.slots == slots
    assert {name: type(value) for name, value in command.slots.items()} == {
        name: type(value) for name, value in slots.items()
    }
    assert command.metadata == metadata


sessions = st.builds(
    context,
    slots=st.dictionaries(texts, slot_values, max_size=5),
    metadata=json_objects,
    created_at=moments,
    updated_at=moments,
    phase=st.sampled_from(ConversationPhase),
    turn_count=st.integers(0, 2**40),
    user_id=texts,
    assistant=texts,
    assistant_version=texts,
    requested_slot=texts,
    stack=st.lists(st.builds(Frame, texts, texts), max_size=3).map(tuple),
)


@given(sessions, st.none() | moments)
def test_a_session_arrives_as_it_stands(before: ConversationContext, expires_at: datetime | None) -> None:
    told = SessionView(context=before, missing_slots=("a", "b"), choices=("x",), expires_at=expires_at)

    session = session_of(get_response(told).session)

    for name in ("session_id", "user_id", "assistant", "assistant_version", "turn_count", "slots", "requested_slot"):
        assert getattr(session, name) == getattr(before, name)
    assert (session.created_at, session.updated_at) == (before.created_at, before.updated_at)
    assert (session.phase.name, session.state, session.metadata) == (
        before.phase.name,
        before.position,
        before.metadata,
    )
    assert (session.missing_slots, session.choices, session.expires_at) == (("a", "b"), ("x",), expires_at)


def test_every_field_of_a_request_is_read() -> None:
    request = wire.ChatRequest(
        session_id="s-1",
        message="hi",
        request_id="r-1",
        user_id="ada",
        assistant="booking",
        expected_turn_count=0,
        conflict_policy=wire.CONFLICT_POLICY_REJECT,
        disconnect_policy=wire.DISCONNECT_POLICY_CONTINUE,
        dry_run=True,
        locale="de-CH",
        time_zone="Europe/Zurich",
    )

    command = chat_command(request, "tenant")

    assert (command.tenant, command.session_id, command.message, command.request_id) == ("tenant", "s-1", "hi", "r-1")
    assert (command.user_id, command.assistant, command.expected_turn_count) == ("ada", "booking", 0)
    assert (command.queue, command.survives, command.dry_run) == (False, True, True)
    assert (command.locale, command.time_zone) == ("de-CH", "Europe/Zurich")


def test_what_a_request_does_not_say_has_its_default() -> None:
    command = chat_command(wire.ChatRequest(message="hi"), "tenant")

    assert (command.queue, command.survives, command.dry_run) == (True, False, False)
    assert (command.expected_turn_count, command.slots, command.metadata) == (None, {}, {})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (WireValue(), "has no value"),
        (WireValue(date_value=""), "ISO 8601 day"),
        (WireValue(date_value="2026-02-30"), "ISO 8601 day"),
        (WireValue(date_value="tomorrow"), "ISO 8601 day"),
        (WireValue(time_value="25:00"), "ISO 8601 time"),
        (WireValue(float_value=math.nan), "must be finite"),
        (WireValue(float_value=-math.inf), "must be finite"),
    ],
)
def test_a_slot_whose_value_is_none_is_refused_by_its_name(value: WireValue, problem: str) -> None:
    good = WireValue(bool_value=True)

    with pytest.raises(InvalidRequest) as caught:
        chat_command(wire.ChatRequest(slots={"good": good, "bad": value, "worse": value}), "default")

    assert {violation.field for violation in caught.value.violations} == {"slots.bad", "slots.worse"}
    assert all(problem in violation.description for violation in caught.value.violations)


def test_times_come_without_a_zone_and_days_in_any_iso_form() -> None:
    request = wire.ChatRequest(
        slots={
            "at": WireValue(time_value="15:00:30.5Z"),
            "day": WireValue(date_value="20260306"),
            "week": WireValue(date_value="2026-W10-5"),
        }
    )

    assert chat_command(request, "default").slots == {
        "at": time(15, 0, 30, 500_000),
        "day": date(2026, 3, 6),
        "week": date(2026, 3, 6),
    }


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_metadata_take_no_number_that_is_not_finite(number: float) -> None:
    request = wire.ChatRequest()
    request.metadata.update({"deep": [{"n": number}]})

    with pytest.raises(InvalidRequest) as caught:
        chat_command(request, "default")

    assert [violation.field for violation in caught.value.violations] == ["metadata"]


CHANGE = SlotsChange(
    filled={"day": date(2026, 3, 6)}, cleared=("at",), rejected=(Rejection(slot="email", reason="No.", raw="x@"),)
)
MOVE = StateChange(from_state="a/b", to_state="a/c", phase=ConversationPhase.CONFIRMATION)


def test_events_that_come_at_once_share_a_message_and_keep_their_order() -> None:
    step = ExplanationStep("branch", "help", taken=False, reason="help does not hold")
    events: list[ChatEvent] = [
        TurnStarted(session_id="s-1", turn=3, created=False),
        CHANGE,
        MOVE,
        TextDelta("Hello", 0),
        TurnCompleted(reply="Hello", session=view(turn_count=3), replayed=True, explanation=(step,)),
    ]

    started, changed, moved, said, completed = [event_of(event) for event in chat_response(events).events]

    assert vars_of(started) == {"session_id": "s-1", "turn": 3, "created": False}
    assert vars_of(changed)["filled"] == CHANGE.filled
    assert vars_of(changed)["cleared"] == ("at",)
    assert [vars_of(refused) for refused in vars_of(changed)["rejected"]] == [
        {"slot": "email", "reason": "No.", "raw_value": "x@"}
    ]
    assert vars_of(moved) == {"from_state": "a/b", "to_state": "a/c", "phase": "CONFIRMATION"}
    assert vars_of(said) == {"text": "Hello", "offset": 0}
    assert (vars_of(completed)["reply"], vars_of(completed)["replayed"]) == ("Hello", True)
    assert vars_of(completed)["session"].turn_count == 3
    assert [vars_of(known) for known in vars_of(completed)["explanation"]] == [
        {"kind": "branch", "name": "help", "taken": False, "reason": "help does not hold"}
    ]


def vars_of(event: object) -> dict[str, Any]:
    """The fields of a value of the client."""
    return {name: getattr(event, name) for name in event.__slots__}  # type: ignore[attr-defined]  # all have slots


def test_history_arrives_turn_by_turn() -> None:
    turn = Turn(
        turn=7,
        request_id="r-7",
        user_message="hi",
        reply="Hello",
        slots_changed=CHANGE,
        state_changed=(MOVE, MOVE),
        intent="greet",
        started_at=NOW,
        completed_at=NOW + timedelta(microseconds=1),
    )

    (told,) = [turn_of(message) for message in get_response((turn,)).history.turns]

    assert (told.turn, told.request_id, told.user_message, told.reply, told.intent) == (
        7,
        "r-7",
        "hi",
        "Hello",
        "greet",
    )
    assert (told.started_at, told.completed_at) == (turn.started_at, turn.completed_at)
    assert told.started_at.tzinfo is UTC
    assert told.slots_changed
    assert told.slots_changed.filled == CHANGE.filled
    assert [move.to_state for move in told.state_changed] == ["a/c", "a/c"]


@pytest.mark.parametrize("respond", [get_response, end_response])
def test_a_part_of_a_session_is_told_as_what_it_is(respond: Any) -> None:
    parts: list[Any] = [view(), (), Ended()]

    assert [respond(part).WhichOneof("part") for part in parts] == ["session", "history", "ended"]
