"""Between the messages of the wire and the data of the use cases. No rule of a conversation stands here."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import cast

from google.protobuf import struct_pb2, timestamp_pb2

from parley.v1 import conversation_pb2 as wire
from parley.v1 import session_pb2 as session_wire
from parley_server.core.context import ConversationPhase, Handoff, Json, StateChange, Turn, Usage
from parley_server.core.slots import SlotsChange, SlotValue
from parley_server.errors import FieldViolation, InvalidRequest
from parley_server.service.events import (
    ChatCommand,
    ChatEvent,
    Ended,
    Heartbeat,
    SessionPart,
    SessionView,
    TextDelta,
    TurnCompleted,
    TurnStarted,
)

_NOTHING = Usage()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PHASES = {phase: session_wire.Phase.Value(f"PHASE_{phase.name}") for phase in ConversationPhase}


def chat_command(request: wire.ChatRequest, tenant: str) -> ChatCommand:
    """Reads a request.

    Raises:
        InvalidRequest: A slot's value is none.
    """
    return ChatCommand(
        tenant=tenant,
        session_id=request.session_id,
        message=request.message,
        request_id=request.request_id,
        user_id=request.user_id,
        assistant=request.assistant,
        slots=_slot_values(request.slots) if request.slots else {},
        metadata=_json_object(request.metadata) if request.HasField("metadata") else {},
        expected_turn_count=request.expected_turn_count if request.HasField("expected_turn_count") else None,
        queue=request.conflict_policy != wire.CONFLICT_POLICY_REJECT,
        survives=request.disconnect_policy == wire.DISCONNECT_POLICY_CONTINUE,
        dry_run=request.dry_run,
        locale=request.locale,
        time_zone=request.time_zone,
        handed_back=request.handed_back,
    )


def chat_response(events: Iterable[ChatEvent]) -> wire.ChatResponse:
    """Writes events that share a message."""
    response = wire.ChatResponse()
    for event in events:
        _write_event(response.events.add(), event)
    return response


def get_response(part: SessionPart) -> wire.GetSessionResponse:
    """Writes a part of a session that is read."""
    response = wire.GetSessionResponse()
    _write_part(response, part)
    return response


def end_response(part: SessionPart) -> wire.EndSessionResponse:
    """Writes a part of a session that ends."""
    response = wire.EndSessionResponse()
    _write_part(response, part)
    return response


# Messages are filled in where they stand: one that is made apart and put into another is copied, at three times the
# cost.


def _write_part(response: wire.GetSessionResponse | wire.EndSessionResponse, part: SessionPart) -> None:
    match part:
        case SessionView():
            _write_session(response.session, part)
        case Ended():
            response.ended.SetInParent()
        case _:
            response.history.SetInParent()
            for turn in part:
                _write_turn(response.history.turns.add(), turn)


def _write_event(message: wire.ChatEvent, event: ChatEvent) -> None:
    match event:
        case TextDelta():
            message.text_delta.text = event.text
            message.text_delta.offset = event.offset
        case StateChange():
            _write_state_change(message.state_changed, event)
        case SlotsChange():
            _write_slots_change(message.slots_changed, event)
        case Heartbeat():
            message.heartbeat.SetInParent()
        case TurnStarted():
            started = message.turn_started
            started.session_id = event.session_id
            started.turn = event.turn
            started.created = event.created
        case TurnCompleted():
            _write_completion(message.turn_completed, event)


def _write_completion(message: wire.TurnCompleted, event: TurnCompleted) -> None:
    message.reply = event.reply
    message.replayed = event.replayed
    message.degraded = event.degraded
    if event.usage != _NOTHING:
        message.usage.input_tokens = event.usage.input_tokens
        message.usage.output_tokens = event.usage.output_tokens
    _write_session(message.session, event.session)
    for step in event.explanation:
        message.explanation.steps.add(kind=step.kind, name=step.name, taken=step.taken, reason=step.reason)


def _write_session(message: session_wire.Session, view: SessionView) -> None:
    context = view.context
    message.session_id = context.session_id
    message.user_id = context.user_id
    message.assistant = context.assistant
    message.assistant_version = context.assistant_version
    message.phase = _PHASES[context.phase]
    message.state = context.position
    message.turn_count = context.turn_count
    for name, value in context.slots.items():
        _write_value(message.slots[name], value)
    message.missing_slots.extend(view.missing_slots)
    message.requested_slot = context.requested_slot
    message.choices.extend(view.choices)
    if context.metadata:
        message.metadata.update(context.metadata)
    _write_moment(message.created_at, context.created_at)
    _write_moment(message.updated_at, context.updated_at)
    if view.expires_at:
        _write_moment(message.expires_at, view.expires_at)
    if context.handoff:
        _write_handoff(message.handoff, context.handoff)


def _write_handoff(message: session_wire.Handoff, handoff: Handoff) -> None:
    message.reason = handoff.reason
    message.summary = handoff.summary
    _write_moment(message.handed_off_at, handoff.at)


def _write_turn(message: session_wire.Turn, turn: Turn) -> None:
    message.turn = turn.turn
    message.request_id = turn.request_id
    message.user_message = turn.user_message
    message.reply = turn.reply
    if turn.slots_changed:
        _write_slots_change(message.slots_changed, turn.slots_changed)
    for change in turn.state_changed:
        _write_state_change(message.state_changed.add(), change)
    message.intent = turn.intent
    _write_moment(message.started_at, turn.started_at)
    _write_moment(message.completed_at, turn.completed_at)


def _write_slots_change(message: session_wire.SlotsChanged, change: SlotsChange) -> None:
    for name, value in change.filled.items():
        _write_value(message.filled[name], value)
    message.cleared.extend(change.cleared)
    for refused in change.rejected:
        message.rejected.add(slot=refused.slot, reason=refused.reason, raw_value=refused.raw)


def _write_state_change(message: session_wire.StateChanged, change: StateChange) -> None:
    message.from_state = change.from_state
    message.to_state = change.to_state
    message.phase = _PHASES[change.phase]


def _write_moment(message: timestamp_pb2.Timestamp, moment: datetime) -> None:
    # What protobuf's own FromDatetime does, at a tenth of its cost.
    since = moment - _EPOCH
    message.seconds = since.days * 86_400 + since.seconds
    message.nanos = since.microseconds * 1000


def _write_value(message: session_wire.SlotValue, value: SlotValue) -> None:
    match value:
        case bool():
            message.bool_value = value
        case str():
            message.string_value = value
        case int():
            message.integer_value = value
        case float():
            message.float_value = value
        case date():
            message.date_value = value.isoformat()
        case time():
            exact = value.second or value.microsecond
            message.time_value = value.isoformat("auto" if exact else "minutes")


def _slot_values(slots: Mapping[str, session_wire.SlotValue]) -> dict[str, SlotValue]:
    values: dict[str, SlotValue] = {}
    violations = []
    for name, wire_value in slots.items():
        try:
            values[name] = _slot_value(wire_value)
        except ValueError as error:
            violations.append(FieldViolation(f"slots.{name}", str(error)))
    if violations:
        raise InvalidRequest(violations)
    return values


def _slot_value(value: session_wire.SlotValue) -> SlotValue:
    match value.WhichOneof("value"):
        case None:
            raise ValueError("has no value")
        case "date_value":
            try:
                return date.fromisoformat(value.date_value)
            except ValueError:
                raise ValueError("date_value must be an ISO 8601 day such as 2026-03-08") from None
        case "time_value":
            try:
                return time.fromisoformat(value.time_value).replace(tzinfo=None)
            except ValueError:
                raise ValueError("time_value must be an ISO 8601 time such as 15:00") from None
        case "float_value" if not math.isfinite(value.float_value):
            raise ValueError("float_value must be finite")
        case kind:
            return cast("SlotValue", getattr(value, kind))


def _json_object(struct: struct_pb2.Struct) -> dict[str, Json]:
    return {name: _json(value) for name, value in struct.fields.items()}


def _json(value: struct_pb2.Value) -> Json:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _json_object(value.struct_value)
        case "list_value":
            return [_json(item) for item in value.list_value.values]
        case "string_value":
            return value.string_value
        case "number_value":
            if not math.isfinite(value.number_value):
                raise InvalidRequest([FieldViolation("metadata", "numbers must be finite")])
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None
