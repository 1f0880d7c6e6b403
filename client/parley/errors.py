"""Every error that a call raises, in one tree, and how a gRPC status becomes one of them.

    ParleyError                whatever has no class of its own: see `reason` and `status`
    ├── InvalidRequest         the request can not be served as it is
    │   ├── RequestIdReused    the request_id belongs to another turn
    │   └── UnknownAssistant   no such assistant, or not this session's
    ├── SessionNotFound        never was, has ended, or has expired
    ├── UserMismatch           the session belongs to another user
    ├── TurnConflict           another turn committed first
    │   ├── TurnCountMismatch  the session does not stand at expected_turn_count
    │   └── SessionBusy        another turn is running and the wait is over
    ├── Overloaded             more work is waiting than may
    ├── DeadlineExceeded       the deadline passed first
    └── Unavailable            no server, or no store, was there to answer

This module must not know sessions or turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self, TypeAlias, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

DOMAIN = "parley.v1"

Applied: TypeAlias = Literal["no", "unknown"]
"""`no`: the call left no trace. `unknown`: only the same turn with the same request_id can tell."""

MessageT = TypeVar("MessageT", bound=Message)


class Reason(StrEnum):
    """Why parley refused a call. The meanings are in `parley/v1/reasons.proto`."""

    UNSPECIFIED = "UNSPECIFIED"
    """None was given, as the status came from the transport; or this client is too old to know it."""
    INVALID_REQUEST = "INVALID_REQUEST"
    MALFORMED_MESSAGE = "MALFORMED_MESSAGE"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    USER_MISMATCH = "USER_MISMATCH"
    UNKNOWN_ASSISTANT = "UNKNOWN_ASSISTANT"
    TURN_COUNT_MISMATCH = "TURN_COUNT_MISMATCH"
    TURN_CONFLICT = "TURN_CONFLICT"
    SESSION_BUSY = "SESSION_BUSY"
    OVERLOADED = "OVERLOADED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    STORE_FULL = "STORE_FULL"
    SESSION_CORRUPT = "SESSION_CORRUPT"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    CALLER_STALLED = "CALLER_STALLED"
    VERSION_NOT_LOADED = "VERSION_NOT_LOADED"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    MODEL_ALLOWANCE_SPENT = "MODEL_ALLOWANCE_SPENT"
    ASSISTANT_FAILED = "ASSISTANT_FAILED"
    INTERNAL = "INTERNAL"

    @classmethod
    def _missing_(cls, _value: object) -> Self:
        return cls("UNSPECIFIED")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldViolation:
    """A field of a request and what is wrong with it."""

    field: str
    description: str


class ParleyError(Exception):
    """The root of the tree. Branch on the class or on `reason`, never on the text."""

    def __init__(
        self,
        message: str,
        *,
        status: grpc.StatusCode,
        reason: Reason = Reason.UNSPECIFIED,
        applied: Applied = "unknown",
        retry_after: timedelta | None = None,
        violations: Sequence[FieldViolation] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        """The gRPC status."""
        self.reason = reason
        """Why parley refused."""
        self.applied = applied
        """Whether the call left no trace or may have been applied all the same."""
        self.retry_after = retry_after
        """How long the server asks to wait before a retry; None when it did not say."""
        self.violations = tuple(violations)
        """The fields of the request that are at fault."""
        self.metadata = dict(metadata or {})
        """What else the server says of the reason: `session_id`, `turn`, `error_id` …"""


class InvalidRequest(ParleyError):
    """The request can not be served as it is; `violations` names each field at fault."""


class RequestIdReused(InvalidRequest):
    """The request_id belongs to a committed turn whose request was another one."""


class UnknownAssistant(InvalidRequest):
    """No assistant of that name is loaded, or the session has another one."""


class SessionNotFound(ParleyError):
    """No such session: it never was, has ended or has expired."""


class UserMismatch(ParleyError):
    """The session belongs to another user_id."""


class TurnConflict(ParleyError):
    """Another turn of the session committed first; nothing was applied."""


class TurnCountMismatch(TurnConflict):
    """The session does not stand at `expected_turn_count`; `metadata` has `expected` and `found`."""


class SessionBusy(TurnConflict):
    """Another turn of the session is running, and the call did not wait, or waited as long as it may."""


class Overloaded(ParleyError):
    """More turns are waiting, in the session or in the server, than may."""


class DeadlineExceeded(ParleyError):
    """The deadline passed. Unless `applied` is `no` the turn may have been committed."""


class Unavailable(ParleyError):
    """No server could be reached, the connection broke, the server is shutting down, or its store did not answer."""


_BY_REASON: Mapping[Reason, type[ParleyError]] = {
    Reason.INVALID_REQUEST: InvalidRequest,
    Reason.MALFORMED_MESSAGE: InvalidRequest,
    Reason.REQUEST_ID_REUSED: RequestIdReused,
    Reason.UNKNOWN_ASSISTANT: UnknownAssistant,
    Reason.SESSION_NOT_FOUND: SessionNotFound,
    Reason.USER_MISMATCH: UserMismatch,
    Reason.TURN_COUNT_MISMATCH: TurnCountMismatch,
    Reason.TURN_CONFLICT: TurnConflict,
    Reason.SESSION_BUSY: SessionBusy,
    Reason.OVERLOADED: Overloaded,
}

# For what has no row above, the transport's statuses among it.
_BY_STATUS: Mapping[grpc.StatusCode, type[ParleyError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
}


def error_of(failure: grpc.RpcError) -> ParleyError:
    """Returns the error that a failed call stands for.

    A status without parley's own `ErrorInfo` came from the transport: nobody knows whether the call was applied.
    """
    status = failure.code()
    details = _details_of(failure)
    told = _detail(details, error_details_pb2.ErrorInfo)
    metadata = dict(told.metadata) if told.domain == DOMAIN else {}
    reason = Reason(told.reason) if told.domain == DOMAIN else Reason.UNSPECIFIED
    retry = _detail(details, error_details_pb2.RetryInfo)
    error_class = _BY_REASON.get(reason) or _BY_STATUS.get(status, ParleyError)
    return error_class(
        failure.details() or status.name,
        status=status,
        reason=reason,
        applied="no" if metadata.pop("applied", "") == "no" else "unknown",
        retry_after=retry.retry_delay.ToTimedelta() if retry.HasField("retry_delay") else None,
        violations=[
            FieldViolation(field=violation.field, description=violation.description)
            for violation in _detail(details, error_details_pb2.BadRequest).field_violations
        ],
        metadata=metadata,
    )


def incomplete_reply() -> ParleyError:
    """Returns the error of a stream that ended well but before its last message, as a broken proxy may end it."""
    return ParleyError("the stream ended before its last message", status=grpc.StatusCode.UNKNOWN)


def _details_of(failure: grpc.RpcError) -> Sequence[AnyMessage]:
    try:
        status = rpc_status.from_call(failure)
    except (ValueError, DecodeError):
        # Details that contradict their status, or are no message, were not written by parley.
        return ()
    return status.details if status else ()


def _detail(details: Sequence[AnyMessage], kind: type[MessageT]) -> MessageT:
    """Returns the first detail of a kind; an empty one when there is none."""
    detail = kind()
    for candidate in details:
        if candidate.Unpack(detail):
            break
    return detail
