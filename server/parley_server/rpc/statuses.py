"""Errors as gRPC statuses: one table, looked up along an error's ancestry, so that none falls through by accident.

Details travel in the trailers, which clients refuse above 8 KiB: what a caller sent is cut before it goes back.
"""

import secrets
from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from parley_server import errors

DOMAIN = "parley.v1"

_MESSAGE_LENGTH = 512
_VALUE_LENGTH = 160
"""Bytes of UTF-8."""
_MOST_VIOLATIONS = 8
_INTERNAL_SENTENCE = "parley failed; the server's log has the cause under this error_id"

_TABLE: Mapping[type[errors.ParleyError], tuple["code_pb2.Code.ValueType", str]] = {
    errors.InvalidRequest: (code_pb2.INVALID_ARGUMENT, "INVALID_REQUEST"),
    errors.MalformedMessage: (code_pb2.INVALID_ARGUMENT, "MALFORMED_MESSAGE"),
    errors.RequestIdReused: (code_pb2.INVALID_ARGUMENT, "REQUEST_ID_REUSED"),
    errors.UnknownAssistant: (code_pb2.INVALID_ARGUMENT, "UNKNOWN_ASSISTANT"),
    errors.SessionNotFound: (code_pb2.NOT_FOUND, "SESSION_NOT_FOUND"),
    errors.UserMismatch: (code_pb2.PERMISSION_DENIED, "USER_MISMATCH"),
    errors.TurnConflict: (code_pb2.ABORTED, "TURN_CONFLICT"),
    errors.TurnCountMismatch: (code_pb2.ABORTED, "TURN_COUNT_MISMATCH"),
    errors.SessionBusy: (code_pb2.ABORTED, "SESSION_BUSY"),
    errors.Overloaded: (code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED"),
    errors.DeadlineExceeded: (code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    errors.CallerStalled: (code_pb2.RESOURCE_EXHAUSTED, "CALLER_STALLED"),
    errors.ShuttingDown: (code_pb2.UNAVAILABLE, "SHUTTING_DOWN"),
    errors.StoreError: (code_pb2.UNAVAILABLE, "STORE_UNAVAILABLE"),
    errors.StoreUnavailable: (code_pb2.UNAVAILABLE, "STORE_UNAVAILABLE"),
    errors.StoreFull: (code_pb2.RESOURCE_EXHAUSTED, "STORE_FULL"),
    errors.SessionCorrupt: (code_pb2.DATA_LOSS, "SESSION_CORRUPT"),
    errors.ModelUnavailable: (code_pb2.UNAVAILABLE, "MODEL_UNAVAILABLE"),
    errors.ModelAllowanceSpent: (code_pb2.RESOURCE_EXHAUSTED, "MODEL_ALLOWANCE_SPENT"),
    errors.AssistantFailed: (code_pb2.FAILED_PRECONDITION, "ASSISTANT_FAILED"),
    errors.VersionNotLoaded: (code_pb2.FAILED_PRECONDITION, "VERSION_NOT_LOADED"),
}


def status_of(error: errors.ParleyError) -> grpc.Status | None:
    """The status that a caller gets for an error, with its `google.rpc` details; None: the error is a fault of ours."""
    row = next((_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE), None)
    if row is None:
        return None
    code, reason = row
    metadata = {"applied": "unknown" if error.maybe_applied else "no"}
    metadata |= {name: _cut(value, _VALUE_LENGTH) for name, value in error.details.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)]
    if isinstance(error, errors.InvalidRequest):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(
                field=_cut(violation.field, _VALUE_LENGTH), description=_cut(violation.description, _VALUE_LENGTH)
            )
            for violation in error.violations[:_MOST_VIOLATIONS]
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromTimedelta(error.retry_after)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return _status(code, error.message, details)


def internal_status(error_id: str) -> grpc.Status:
    """The status of a fault in parley: a fixed sentence, and the id under which the log has the cause."""
    metadata = {"applied": "unknown", "error_id": error_id}
    info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata=metadata)
    return _status(code_pb2.INTERNAL, _INTERNAL_SENTENCE, [info])


def new_error_id() -> str:
    """Makes an id that joins a status and a line of the log."""
    return secrets.token_hex(6)


def _status(code: "code_pb2.Code.ValueType", message: str, details: list[Message]) -> grpc.Status:
    status = status_pb2.Status(code=code, message=_cut(message, _MESSAGE_LENGTH))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    sendable: grpc.Status = rpc_status.to_status(status)
    return sendable


def _cut(text: str, size: int) -> str:
    """The beginning of a text, at most so many bytes of UTF-8."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")
