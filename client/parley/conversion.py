"""Turns protobuf messages into the client's values, and the caller's values into messages.

This module must not know calls, errors or retries.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from google.protobuf.json_format import MessageToDict, Parse
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from parley.events import Event, ExplanationStep, Heartbeat, TextDelta, TurnCompleted, TurnStarted, Usage
from parley.session import Handoff, Json, Phase, RejectedSlot, Session, SlotsChanged, SlotValue, StateChanged, Turn
from parley.v1 import conversation_pb2, session_pb2


def event_of(message: conversation_pb2.ChatEvent) -> Event | None:
    """Returns the event; None for one of a kind that this client is too old to know."""
    event: Event | None = None
    match message.WhichOneof("event"):
        case "turn_started":
            started = message.turn_started
            event = TurnStarted(session_id=started.session_id, turn=started.turn, created=started.created)
        case "slots_changed":
            event = slots_changed_of(message.slots_changed)
        case "state_changed":
            event = state_changed_of(message.state_changed)
        case "text_delta":
            event = TextDelta(text=message.text_delta.text, offset=message.text_delta.offset)
        case "heartbeat":
            event = Heartbeat()
        case "turn_completed":
            event = turn_completed_of(message.turn_completed)
    return event


def turn_completed_of(message: conversation_pb2.TurnCompleted) -> TurnCompleted:
    """Returns the completion."""
    return TurnCompleted(
        reply=message.reply,
        session=session_of(message.session),
        replayed=message.replayed,
        degraded=message.degraded,
        usage=Usage(input_tokens=message.usage.input_tokens, output_tokens=message.usage.output_tokens),
        explanation=tuple(
            ExplanationStep(kind=step.kind, name=step.name, taken=step.taken, reason=step.reason)
            for step in message.explanation.steps
        ),
    )


def session_of(message: session_pb2.Session) -> Session:
    """Returns the session."""
    return Session(
        session_id=message.session_id,
        user_id=message.user_id,
        assistant=message.assistant,
        assistant_version=message.assistant_version,
        phase=phase_of(message.phase),
        state=message.state,
        turn_count=message.turn_count,
        slots=slots_of(message.slots),
        missing_slots=tuple(message.missing_slots),
        requested_slot=message.requested_slot,
        choices=tuple(message.choices),
        metadata=MessageToDict(message.metadata),
        created_at=datetime_of(message.created_at),
        updated_at=datetime_of(message.updated_at),
        expires_at=datetime_of(message.expires_at) if message.HasField("expires_at") else None,
        handoff=handoff_of(message.handoff) if message.HasField("handoff") else None,
    )


def handoff_of(message: session_pb2.Handoff) -> Handoff:
    """Returns the handoff."""
    return Handoff(reason=message.reason, summary=message.summary, handed_off_at=datetime_of(message.handed_off_at))


def turn_of(message: session_pb2.Turn) -> Turn:
    """Returns the turn."""
    return Turn(
        turn=message.turn,
        request_id=message.request_id,
        user_message=message.user_message,
        reply=message.reply,
        slots_changed=slots_changed_of(message.slots_changed) if message.HasField("slots_changed") else None,
        state_changed=tuple(state_changed_of(change) for change in message.state_changed),
        intent=message.intent,
        started_at=datetime_of(message.started_at),
        completed_at=datetime_of(message.completed_at),
    )


def slots_changed_of(message: session_pb2.SlotsChanged) -> SlotsChanged:
    """Returns the change."""
    return SlotsChanged(
        filled=slots_of(message.filled),
        cleared=tuple(message.cleared),
        rejected=tuple(
            RejectedSlot(slot=rejected.slot, reason=rejected.reason, raw_value=rejected.raw_value)
            for rejected in message.rejected
        ),
    )


def state_changed_of(message: session_pb2.StateChanged) -> StateChanged:
    """Returns the move."""
    return StateChanged(from_state=message.from_state, to_state=message.to_state, phase=phase_of(message.phase))


def phase_of(number: session_pb2.Phase.ValueType) -> Phase:
    """Returns the phase; UNSPECIFIED for one that this client is too old to know."""
    value = session_pb2.Phase.DESCRIPTOR.values_by_number.get(number)
    return Phase(value.name.removeprefix("PHASE_")) if value else Phase.UNSPECIFIED


def datetime_of(message: Timestamp) -> datetime:
    """Returns the time, aware, in UTC."""
    return message.ToDatetime(tzinfo=UTC)


def slots_of(messages: Mapping[str, session_pb2.SlotValue]) -> dict[str, SlotValue]:
    """Returns the values by slot, without those of a type that this client is too old to know."""
    values = ((name, slot_value_of(message)) for name, message in messages.items())
    return {name: value for name, value in values if value is not None}


def slot_value_of(message: session_pb2.SlotValue) -> SlotValue | None:
    """Returns the value; None for one of a type that this client is too old to know."""
    match message.WhichOneof("value"):
        case None:
            return None
        case "date_value":
            return date.fromisoformat(message.date_value)
        case "time_value":
            return time.fromisoformat(message.time_value)
        case kind:
            value: str | int | float | bool = getattr(message, kind)
            return value


def slot_message(value: SlotValue) -> session_pb2.SlotValue:
    """Returns the message of a slot's value.

    Raises:
        TypeError: The value is of no type that a slot can have.
        ValueError: It is an integer of more than 64 bits.
    """
    match value:
        case bool():  # Before int, which every bool is too.
            return session_pb2.SlotValue(bool_value=value)
        case int():
            return session_pb2.SlotValue(integer_value=value)
        case float():
            return session_pb2.SlotValue(float_value=value)
        case str():
            return session_pb2.SlotValue(string_value=value)
        case date() if not isinstance(value, datetime):
            return session_pb2.SlotValue(date_value=value.isoformat())
        case time():
            return session_pb2.SlotValue(time_value=value.isoformat())
        case _:
            raise TypeError(f"a slot takes str, int, float, bool, date or time, not {type(value).__name__}")


def struct_message(metadata: Mapping[str, Json]) -> Struct:
    """Returns the message of a JSON object.

    Raises:
        TypeError: A value in it is not JSON.
        ValueError: A number in it is not finite.
    """
    return Parse(json.dumps(dict(metadata), allow_nan=False), Struct())
