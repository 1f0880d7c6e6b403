"""The form in which contexts and turns are stored: JSON with a version.

A form that this server does not know, because a newer one wrote it, is refused and left as it is.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import msgspec

from parley_server.core.context import (
    ConversationContext,
    ConversationPhase,
    Frame,
    Handoff,
    Question,
    StateChange,
    Summary,
    Turn,
    Usage,
)
from parley_server.core.slots import Rejection, SlotsChange, SlotValue
from parley_server.errors import SessionCorrupt

VERSION = 1
"""The form that this server writes; it reads this one and every older one."""


class _Str(msgspec.Struct, frozen=True, tag="string"):
    value: str


class _Int(msgspec.Struct, frozen=True, tag="integer"):
    value: int


class _Float(msgspec.Struct, frozen=True, tag="float"):
    value: float


class _Bool(msgspec.Struct, frozen=True, tag="boolean"):
    value: bool


class _Date(msgspec.Struct, frozen=True, tag="date"):
    value: date


class _Time(msgspec.Struct, frozen=True, tag="time"):
    value: time


_Value: TypeAlias = _Str | _Int | _Float | _Bool | _Date | _Time
"""A slot's value with its type, which JSON alone does not tell."""

_TAGGED = {str: _Str, int: _Int, float: _Float, bool: _Bool, date: _Date, time: _Time}


class _Context(msgspec.Struct, omit_defaults=True):
    version: int
    slots: dict[str, _Value]
    session_id: str
    assistant: str
    assistant_version: str
    created_at: datetime
    updated_at: datetime
    user_id: str = ""
    phase: ConversationPhase = ConversationPhase.GREETING
    stack: tuple[Frame, ...] = ()
    requested_slot: str = ""
    attempts: int = 0
    misses: int = 0
    skipped: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    confirmed: tuple[str, ...] = ()
    question: Question | None = None
    handoff: Handoff | None = None
    usage: Usage = Usage()
    summary: Summary | None = None
    metadata: dict[str, Any] = {}
    turn_count: int = 0
    locale: str = ""
    time_zone: str = ""


_copied = attrgetter(*_Context.__struct_fields__[2:])
"""The fields that are stored as they are."""


class _Turn(msgspec.Struct, omit_defaults=True, kw_only=True):
    version: int
    fingerprint: str
    turn: int
    request_id: str
    user_message: str
    reply: str
    filled: dict[str, _Value] = {}
    cleared: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    state_changed: tuple[StateChange, ...] = ()
    intent: str = ""
    started_at: datetime
    completed_at: datetime
    degraded: bool = False
    usage: Usage = Usage()
    private: bool = False
    shown_reply: str | None = None


class TakenTurn(msgspec.Struct, frozen=True):
    """A turn as it was stored, with what recognises its request."""

    turn: Turn
    fingerprint: str


class _Version(msgspec.Struct):
    version: int


class _Name(msgspec.Struct):
    session_id: str


_encoder = msgspec.json.Encoder()
_version = msgspec.json.Decoder(_Version)
_name = msgspec.json.Decoder(_Name)
_context = msgspec.json.Decoder(_Context)
_turn = msgspec.json.Decoder(_Turn)


def dump_context(context: ConversationContext) -> bytes:
    """Writes a context as JSON. Its history is not in it: that is the session's log."""
    return _encoder.encode(_Context(VERSION, _tagged(context.slots), *_copied(context)))


def load_context(data: bytes, *, session_id: str, history: tuple[Turn, ...] = ()) -> ConversationContext:
    """Reads what `dump_context` wrote.

    Raises:
        SessionCorrupt: The data are not a context, are those of another session, or were written by a newer server.
    """
    stored = _load(_context, data, session_id)
    if stored.session_id != session_id:
        raise SessionCorrupt(session_id, "it is another session's")
    fields = msgspec.structs.asdict(stored) | {"slots": _untagged(stored.slots), "history": history}
    del fields["version"]
    return ConversationContext(**fields)


def session_of(data: bytes) -> str:
    """The session whose context `dump_context` wrote; empty: that can not be read."""
    try:
        return _name.decode(data).session_id
    except msgspec.MsgspecError:
        return ""


def dump_turn(turn: Turn, *, fingerprint: str) -> bytes:
    """Writes a turn as JSON, with a fingerprint that recognises its request."""
    change = turn.slots_changed
    return _encoder.encode(
        _Turn(
            version=VERSION,
            fingerprint=fingerprint,
            turn=turn.turn,
            request_id=turn.request_id,
            user_message=turn.user_message,
            reply=turn.reply,
            filled=_tagged(change.filled),
            cleared=change.cleared,
            rejected=change.rejected,
            state_changed=turn.state_changed,
            intent=turn.intent,
            started_at=turn.started_at,
            completed_at=turn.completed_at,
            degraded=turn.degraded,
            usage=turn.usage,
            private=turn.private,
            shown_reply=turn.shown_reply,
        )
    )


def load_turn(data: bytes, *, session_id: str) -> TakenTurn:
    """Reads what `dump_turn` wrote.

    Raises:
        SessionCorrupt: The data are not a turn, or were written by a newer server.
    """
    stored = _load(_turn, data, session_id)
    turn = Turn(
        turn=stored.turn,
        request_id=stored.request_id,
        user_message=stored.user_message,
        reply=stored.reply,
        slots_changed=SlotsChange(
            filled=_untagged(stored.filled), cleared=stored.cleared, rejected=tuple(stored.rejected)
        ),
        state_changed=stored.state_changed,
        intent=stored.intent,
        started_at=stored.started_at,
        completed_at=stored.completed_at,
        degraded=stored.degraded,
        usage=stored.usage,
        private=stored.private,
        shown_reply=stored.shown_reply,
    )
    return TakenTurn(turn, stored.fingerprint)


_T = TypeVar("_T", _Context, _Turn)


def _load(decoder: msgspec.json.Decoder[_T], data: bytes, session_id: str) -> _T:
    try:
        stored = decoder.decode(data)
        version = stored.version
    except msgspec.MsgspecError as error:
        # A newer form may lack what this one needs.
        version = _version_of(data)
        if version <= VERSION:
            raise SessionCorrupt(session_id, "it is not in a form that parley writes") from error
    else:
        if version <= VERSION:
            return stored
    raise SessionCorrupt(session_id, f"a newer server wrote it (form {version}; this one reads up to {VERSION})")


def _version_of(data: bytes) -> int:
    try:
        return _version.decode(data).version
    except msgspec.MsgspecError:
        return 0


def _tagged(slots: Mapping[str, SlotValue]) -> dict[str, _Value]:
    return {name: _TAGGED[type(value)](value) for name, value in slots.items()}


def _untagged(slots: Mapping[str, _Value]) -> dict[str, SlotValue]:
    return {name: tagged.value for name, tagged in slots.items()}
