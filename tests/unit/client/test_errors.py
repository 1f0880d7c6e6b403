from datetime import timedelta

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from support.scripted_service import broken, raised, refused

import parley
from parley.errors import error_of
from parley.v1.reasons_pb2 import ErrorReason

CLASSES = {
    "INVALID_REQUEST": parley.InvalidRequest,
    "MALFORMED_MESSAGE": parley.InvalidRequest,
    "REQUEST_ID_REUSED": parley.RequestIdReused,
    "SESSION_NOT_FOUND": parley.SessionNotFound,
    "USER_MISMATCH": parley.UserMismatch,
    "UNKNOWN_ASSISTANT": parley.UnknownAssistant,
    "TURN_COUNT_MISMATCH": parley.TurnCountMismatch,
    "TURN_CONFLICT": parley.TurnConflict,
    "SESSION_BUSY": parley.SessionBusy,
    "OVERLOADED": parley.Overloaded,
    "DEADLINE_EXCEEDED": parley.DeadlineExceeded,
    "STORE_UNAVAILABLE": parley.Unavailable,
    "SHUTTING_DOWN": parley.Unavailable,
}
STATUSES = {
    "DEADLINE_EXCEEDED": grpc.StatusCode.DEADLINE_EXCEEDED,
    "STORE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
}


def test_the_client_knows_every_reason_of_the_contract() -> None:
    contract = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}  # noqa: SIM118 It is no mapping.

    assert {reason.value for reason in parley.Reason} == contract


@pytest.mark.parametrize("reason", parley.Reason)
def test_every_reason_has_its_class(reason: parley.Reason) -> None:
    error = error_of(raised(refused(STATUSES.get(reason, grpc.StatusCode.ABORTED), reason)))

    assert type(error) is CLASSES.get(reason, parley.ParleyError)
    assert error.reason is reason


def test_an_error_tells_all_that_the_status_says() -> None:
    fields = error_details_pb2.BadRequest()
    fields.field_violations.add(field="slots.guests", description="must be at least 1")
    status = refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
        retry_after=timedelta(milliseconds=1500),
        details=[fields],
        session_id="s-1",
    )

    error = error_of(raised(status))

    assert str(error) == "refused: INVALID_REQUEST"
    assert error.status is grpc.StatusCode.INVALID_ARGUMENT
    assert error.applied == "no"
    assert error.retry_after == timedelta(seconds=1.5)
    assert error.violations == (parley.FieldViolation(field="slots.guests", description="must be at least 1"),)
    assert error.metadata == {"session_id": "s-1"}


@pytest.mark.parametrize(
    ("status", "error_class"),
    [
        (grpc.StatusCode.UNAVAILABLE, parley.Unavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, parley.DeadlineExceeded),
        (grpc.StatusCode.NOT_FOUND, parley.ParleyError),
    ],
)
def test_a_status_of_the_transport_leaves_open_whether_the_call_was_applied(
    status: grpc.StatusCode, error_class: type[parley.ParleyError]
) -> None:
    error = error_of(raised(broken(status)))

    assert type(error) is error_class
    assert (error.reason, error.applied, error.retry_after) == (parley.Reason.UNSPECIFIED, "unknown", None)


@pytest.mark.parametrize("claim", ["unknown", "", "perhaps"])
def test_only_a_plain_no_means_that_nothing_was_applied(claim: str) -> None:
    error = error_of(raised(refused(grpc.StatusCode.INTERNAL, "INTERNAL", applied=claim)))

    assert error.applied == "unknown"


def test_a_reason_of_a_later_version_falls_back_on_the_status() -> None:
    error = error_of(raised(refused(grpc.StatusCode.UNAVAILABLE, "MOON_IN_THE_WRONG_PHASE")))

    assert isinstance(error, parley.Unavailable)
    assert (error.reason, error.applied) == (parley.Reason.UNSPECIFIED, "no")


def test_an_error_info_of_somebody_else_is_not_believed() -> None:
    status = broken(grpc.StatusCode.NOT_FOUND)
    foreign = error_details_pb2.ErrorInfo(
        reason="SESSION_NOT_FOUND", domain="proxy.example", metadata={"applied": "no"}
    )
    status.details.add().Pack(foreign)

    error = error_of(raised(status))

    assert (type(error), error.applied) == (parley.ParleyError, "unknown")


@pytest.mark.parametrize(
    "details",
    [b"\xff\xff", refused(grpc.StatusCode.ABORTED, "TURN_CONFLICT").SerializeToString()],
    ids=["garbage", "of another status"],
)
def test_details_that_do_not_belong_to_the_status_are_not_believed(details: bytes) -> None:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", details))

    error = error_of(grpc.aio.AioRpcError(grpc.StatusCode.UNKNOWN, grpc.aio.Metadata(), trailers, details="?"))

    assert (error.status, error.reason, error.applied) == (
        grpc.StatusCode.UNKNOWN,
        parley.Reason.UNSPECIFIED,
        "unknown",
    )
