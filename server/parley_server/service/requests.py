"""Checking what callers ask, before anything is touched: every bad field is named."""

import hashlib
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from parley_server.core.context import ConversationContext
from parley_server.core.effects import Steps
from parley_server.core.filling import SlotFiller
from parley_server.core.slots import SlotDefinition, SlotType, SlotValue
from parley_server.errors import FieldViolation, InvalidRequest
from parley_server.ids import REQUEST_ID, SESSION_ID
from parley_server.nlu.values import READERS, Reference, Refusal
from parley_server.service.events import ChatCommand, Limits

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_USER_ID_LENGTH = 256
_TEXT_TYPES = {SlotType.STRING, SlotType.EMAIL, SlotType.PHONE, SlotType.CHOICE}


def check_session_id(session_id: str) -> None:
    """Refuses a session_id that no session can have.

    Raises:
        InvalidRequest: It is not of the form that session_ids have.
    """
    if not SESSION_ID.fullmatch(session_id):
        raise InvalidRequest([_session_id_violation()])


def check_chat(command: ChatCommand, limits: Limits) -> None:
    """Refuses a turn whose request can not be right, whatever the session.

    Raises:
        InvalidRequest: It names every field that is wrong.
    """
    size = len(command.message.encode())
    problems = {
        "session_id": command.session_id and not SESSION_ID.fullmatch(command.session_id),
        "message": not command.message.strip() or size > limits.message_bytes,
        "request_id": command.request_id and not REQUEST_ID.fullmatch(command.request_id),
        "user_id": len(command.user_id) > _USER_ID_LENGTH,
        "slots": len(command.slots) > limits.slots,
        "expected_turn_count": (command.expected_turn_count or 0) < 0,
        "locale": command.locale and not _LOCALE.fullmatch(command.locale),
        "time_zone": command.time_zone and not _is_time_zone(command.time_zone),
    }
    violations = [_violation(field, limits) for field, wrong in problems.items() if wrong]
    if violations:
        raise InvalidRequest(violations)


def _violation(field: str, limits: Limits) -> FieldViolation:
    if field == "session_id":
        return _session_id_violation()
    descriptions = {
        "message": f"required, and at most {limits.message_bytes} bytes of UTF-8",
        "request_id": "must match [A-Za-z0-9._~:-]{1,128}",
        "user_id": f"at most {_USER_ID_LENGTH} characters",
        "slots": f"at most {limits.slots} slots",
        "metadata": f"a session keeps at most {limits.metadata_bytes} bytes of JSON",
        "expected_turn_count": "must not be negative",
        "locale": "must be a BCP 47 tag such as en-US",
        "time_zone": "must be an IANA name such as Europe/Paris",
    }
    return FieldViolation(field, descriptions[field])


def _session_id_violation() -> FieldViolation:
    return FieldViolation("session_id", "must match [A-Za-z0-9._~-]{1,128}")


def _is_time_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def check_slots(
    given: Mapping[str, SlotValue], filler: SlotFiller, context: ConversationContext, reference: Reference
) -> Steps[Mapping[str, SlotValue]]:
    """Brings the values that a caller gives into their slots' form, as the user's are.

    Raises:
        InvalidRequest: It names every slot whose value is refused.
    """
    values: dict[str, SlotValue] = {}
    reasons: dict[str, str] = {}
    for name, value in given.items():
        definition = filler.definitions.get(name)
        read = _read(value, definition, reference) if definition else value
        if isinstance(read, Refusal):
            reasons[name] = read.reason
        else:
            values[name] = read
    reasons |= yield from filler.refusals(context, values, reference.now)
    if reasons:
        raise InvalidRequest([FieldViolation(f"slots.{name}", reasons[name]) for name in given if name in reasons])
    return values


def _read(value: SlotValue, definition: SlotDefinition, reference: Reference) -> SlotValue | Refusal:
    # A caller's value has a type already: only texts are read, and a whole number is as good as any.
    if definition.type is SlotType.FLOAT and type(value) is int:
        return float(value)
    if isinstance(value, str) and definition.type in _TEXT_TYPES:
        return READERS[definition.type].parse(value, definition, reference)
    return value


def check_metadata(context: ConversationContext, limits: Limits) -> ConversationContext:
    """Returns a context whose metadata were merged, unless they have become too large.

    Raises:
        InvalidRequest: They have.
    """
    if context.metadata and len(msgspec.json.encode(context.metadata)) > limits.metadata_bytes:
        raise InvalidRequest([_violation("metadata", limits)])
    return context


def fingerprint(command: ChatCommand) -> str:
    """A digest of all that makes two requests the same turn."""
    parts = (
        command.message,
        command.user_id,
        command.assistant,
        sorted((name, type(value).__name__, value) for name, value in command.slots.items()),
        command.metadata,
        command.locale,
        command.time_zone,
        command.handed_back,
    )
    return hashlib.blake2b(msgspec.json.encode(parts, order="sorted"), digest_size=16).hexdigest()
