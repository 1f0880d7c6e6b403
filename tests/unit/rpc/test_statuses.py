"""Statuses: what a caller is told of each error, pinned whole, so that none changes or is forgotten by accident."""

from collections.abc import Iterator
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from parley.v1 import reasons_pb2
from parley_server import errors
from parley_server.rpc.statuses import internal_status, new_error_id, status_of

MessageT = TypeVar("MessageT", bound=Message)
Code = grpc.StatusCode
BAD_FIELD = errors.FieldViolation("message", "required")
EXPECTED: list[tuple[errors.ParleyError, grpc.StatusCode, str]] = [
    (errors.InvalidRequest([BAD_FIELD]), Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    (errors.MalformedMessage("ChatRequest"), Code.INVALID_ARGUMENT, "MALFORMED_MESSAGE"),
    (errors.RequestIdReused("s-1", 3), Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"),
    (errors.UnknownAssistant("hotel", "no such assistant"), Code.INVALID_ARGUMENT, "UNKNOWN_ASSISTANT"),
    (errors.SessionNotFound("s-1"), Code.NOT_FOUND, "SESSION_NOT_FOUND"),
    (errors.UserMismatch("s-1"), Code.PERMISSION_DENIED, "USER_MISMATCH"),
    (errors.TurnConflict(), Code.ABORTED, "TURN_CONFLICT"),
    (errors.TurnCountMismatch(expected=1, found=2), Code.ABORTED, "TURN_COUNT_MISMATCH"),
    (errors.SessionBusy(), Code.ABORTED, "SESSION_BUSY"),
    (errors.Overloaded("too many turns"), Code.RESOURCE_EXHAUSTED, "OVERLOADED"),
    (errors.DeadlineExceeded(), Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    (errors.CallerStalled(), Code.RESOURCE_EXHAUSTED, "CALLER_STALLED"),
    (errors.ShuttingDown(), Code.UNAVAILABLE, "SHUTTING_DOWN"),
    (errors.StoreError("failed"), Code.UNAVAILABLE, "STORE_UNAVAILABLE"),
    (errors.StoreUnavailable(), Code.UNAVAILABLE, "STORE_UNAVAILABLE"),
    (errors.StoreFull(), Code.RESOURCE_EXHAUSTED, "STORE_FULL"),
    (errors.SessionCorrupt("s-1", "cut off"), Code.DATA_LOSS, "SESSION_CORRUPT"),
    (errors.ModelUnavailable(errors.ModelFault.TIMEOUT), Code.UNAVAILABLE, "MODEL_UNAVAILABLE"),
    (errors.ModelAllowanceSpent(None), Code.RESOURCE_EXHAUSTED, "MODEL_ALLOWANCE_SPENT"),
    (errors.AssistantFailed("it goes round", state="a/b"), Code.FAILED_PRECONDITION, "ASSISTANT_FAILED"),
    (errors.VersionNotLoaded("s-1", "order", "abc", "no rule"), Code.FAILED_PRECONDITION, "VERSION_NOT_LOADED"),
]
FAULTS = [errors.InvalidDefinition(["a.yaml:1:1: wrong"]), errors.InvalidSettings("wrong"), errors.ParleyError("wrong")]
"""No caller's doing: they have no status of their own."""
EVERY_ERROR = pytest.mark.parametrize("error", [row[0] for row in EXPECTED], ids=lambda error: type(error).__name__)


def sent(error: errors.ParleyError) -> grpc.Status:
    """The status of an error that has one."""
    status = status_of(error)
    assert status
    return status


def details_of(status: grpc.Status) -> status_pb2.Status:
    """The details as they travel."""
    return status_pb2.Status.FromString(dict(status.trailing_metadata)["grpc-status-details-bin"])


def told(status: grpc.Status, kind: type[MessageT]) -> list[MessageT]:
    """The details of one kind."""
    found = []
    for packed in details_of(status).details:
        detail = kind()
        if packed.Unpack(detail):
            found.append(detail)
    return found


def info_of(status: grpc.Status) -> error_details_pb2.ErrorInfo:
    (info,) = told(status, error_details_pb2.ErrorInfo)
    return info


def descendants(kind: type[errors.ParleyError]) -> Iterator[type[errors.ParleyError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from descendants(child)


def test_every_error_is_in_the_table_of_this_test() -> None:
    known = {type(error) for error in (*FAULTS, *(row[0] for row in EXPECTED))}

    assert known == {errors.ParleyError, *descendants(errors.ParleyError)}


@pytest.mark.parametrize(("error", "code", "reason"), EXPECTED, ids=[type(row[0]).__name__ for row in EXPECTED])
def test_each_error_has_its_code_and_its_reason(error: errors.ParleyError, code: grpc.StatusCode, reason: str) -> None:
    status = sent(error)

    info = info_of(status)
    assert (status.code, info.reason, info.domain) == (code, reason, "parley.v1")
    assert details_of(status).code == code.value[0]


def test_every_reason_of_the_contract_is_some_errors() -> None:
    names = {name.removeprefix("ERROR_REASON_") for name in reasons_pb2.ErrorReason.DESCRIPTOR.values_by_name}

    assert {reason for _, _, reason in EXPECTED} == names - {"UNSPECIFIED", "INTERNAL"}


def test_an_error_that_has_no_row_is_told_as_what_it_descends_from() -> None:
    class DiskFull(errors.StoreFull):
        pass

    assert info_of(sent(DiskFull())).reason == "STORE_FULL"


@EVERY_ERROR
def test_a_caller_is_told_to_try_again_where_that_makes_sense(error: errors.ParleyError) -> None:
    retries = [retry.retry_delay.ToTimedelta() for retry in told(sent(error), error_details_pb2.RetryInfo)]

    assert retries == ([] if error.retry_after is None else [error.retry_after])


def test_only_what_a_repeat_can_mend_asks_for_one() -> None:
    assert {type(error).__name__ for error, _, _ in EXPECTED if error.retry_after is not None} == {
        "TurnConflict",
        "SessionBusy",
        "Overloaded",
        "ModelUnavailable",
        "ShuttingDown",
        "StoreUnavailable",
    }


@EVERY_ERROR
def test_every_status_says_whether_the_call_left_a_trace(error: errors.ParleyError) -> None:
    info = info_of(sent(error))

    assert info.metadata["applied"] == ("unknown" if error.maybe_applied else "no")


def test_a_commit_whose_end_is_not_known_says_so() -> None:
    info = info_of(sent(errors.StoreUnavailable(maybe_applied=True)))

    assert dict(info.metadata) == {"applied": "unknown"}


def test_what_an_error_knows_is_told() -> None:
    assert dict(info_of(sent(errors.RequestIdReused("s-1", 3))).metadata) == {
        "applied": "no",
        "session_id": "s-1",
        "turn": "3",
    }
    assert dict(info_of(sent(errors.TurnCountMismatch(expected=3, found=4))).metadata) == {
        "applied": "no",
        "expected": "3",
        "found": "4",
    }


def test_every_bad_field_is_named() -> None:
    wrong = [errors.FieldViolation("message", "required"), errors.FieldViolation("locale", "no tag")]

    status = sent(errors.InvalidRequest(wrong))

    (bad,) = told(status, error_details_pb2.BadRequest)
    assert [(field.field, field.description) for field in bad.field_violations] == [
        ("message", "required"),
        ("locale", "no tag"),
    ]
    assert status.details == "message: required; locale: no tag"


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_server_has_no_status_of_its_own(error: errors.ParleyError) -> None:
    assert status_of(error) is None


def test_a_fault_tells_nothing_of_itself() -> None:
    status = internal_status("abc")

    assert status.details == "parley failed; the server's log has the cause under this error_id"
    assert dict(info_of(status).metadata) == {"applied": "unknown", "error_id": "abc"}


def test_a_fault_has_an_id_that_finds_its_cause() -> None:
    one, other = new_error_id(), new_error_id()

    assert one != other
    assert info_of(internal_status(one)).metadata["error_id"] == one


@pytest.mark.parametrize("character", ["x", "ä", "🙂"])
def test_a_status_fits_into_the_trailers_however_long_its_causes_are(character: str) -> None:
    long = character * 10_000
    violations = [errors.FieldViolation(long, long)] * 1_000
    errors_of_callers = [errors.InvalidRequest(violations, session_id=long), errors.UnknownAssistant(long, long)]

    for error in errors_of_callers:
        status = sent(error)
        assert len(details_of(status).SerializeToString()) < 8 * 1024
