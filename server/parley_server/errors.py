"""Every error that parley raises, in one tree.

    ParleyError
    ├── InvalidRequest             the caller's request can not be served as it is
    │   ├── MalformedMessage       not protobuf, or not UTF-8
    │   ├── RequestIdReused        the same request_id with another message
    │   └── UnknownAssistant       no such assistant, or not this session's
    ├── SessionNotFound            never was, has ended, or has expired
    ├── UserMismatch               the session belongs to another user
    ├── TurnConflict               another turn committed first, or the lease ran out
    │   ├── TurnCountMismatch      the session does not stand where the caller expects it
    │   └── SessionBusy            another turn is running and the wait is over
    ├── Overloaded                 more work is waiting than may
    ├── DeadlineExceeded           the caller's deadline passed before the commit
    ├── CallerStalled              the caller does not read what it is sent
    ├── ShuttingDown               the server takes no more turns
    ├── StoreError
    │   ├── StoreUnavailable       the store did not answer
    │   ├── StoreFull              the store has no room left
    │   └── SessionCorrupt         what is stored of a session can not be read
    ├── ModelUnavailable           the language model gave no answer, and the assistant has no text without it
    │   └── ModelAllowanceSpent    the session or its tenant has used up what it may use of the model
    ├── AssistantFailed            a definition failed while it ran
    ├── VersionNotLoaded           the version that a session began with is not loaded, and it can not move to another
    ├── InvalidDefinition          a definition has defects; it was not loaded
    └── InvalidSettings            the server can not start as it is configured

This module must not know gRPC: `parley_server.rpc.statuses` maps these errors to statuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of a request and what is wrong with it."""

    field: str
    description: str


class ParleyError(Exception):
    """The root of the tree.

    `details` are identifiers and counts that are safe to send and to log: never user text, never a slot's value.
    """

    maybe_applied: bool = False
    """Whether the turn may have been committed all the same, so that only a repeat with its request_id can tell."""

    retry_after: timedelta | None = None
    """How long to wait before a retry makes sense; None where a retry makes none."""

    def __init__(self, message: str, **details: str) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidRequest(ParleyError):
    """The caller's request can not be served as it is; `violations` names each bad field."""

    def __init__(self, violations: Sequence[FieldViolation], **details: str) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations), **details)
        self.violations = tuple(violations)


class MalformedMessage(InvalidRequest):
    """The bytes are not a valid protobuf message, or a string in it is not valid UTF-8."""

    def __init__(self, message_type: str) -> None:
        super().__init__([FieldViolation("", f"not a valid {message_type}: strings must be UTF-8")])


class RequestIdReused(InvalidRequest):
    """The request_id belongs to a committed turn whose request was another one."""

    def __init__(self, session_id: str, turn: int | None = None) -> None:
        owner = f"turn {turn}" if turn else "a turn that is running"
        problem = f"belongs to {owner}, whose request was another one: use a new request_id for a new turn"
        details = {"turn": str(turn)} if turn else {}
        super().__init__([FieldViolation("request_id", problem)], session_id=session_id, **details)


class UnknownAssistant(InvalidRequest):
    """No assistant of that name is loaded, or the session is led by another one."""

    def __init__(self, assistant: str, reason: str) -> None:
        super().__init__([FieldViolation("assistant", reason)], assistant=assistant)


class SessionNotFound(ParleyError):
    """No such session: it never was, has ended, or has expired."""

    def __init__(self, session_id: str) -> None:
        super().__init__("no such session: it never was, has ended, or has expired", session_id=session_id)


class UserMismatch(ParleyError):
    """The session belongs to another user."""

    def __init__(self, session_id: str) -> None:
        super().__init__("the session belongs to another user_id", session_id=session_id)


class TurnConflict(ParleyError):
    """The session moved on while the turn ran, or its lease ran out: nothing was committed."""

    retry_after: timedelta | None = timedelta(0)

    def __init__(self, message: str = "another turn of the session was committed first: send this one again") -> None:
        super().__init__(message)


class TurnCountMismatch(TurnConflict):
    """The session does not stand at the turn that the caller expects."""

    retry_after = None

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(f"expected a session of {expected} turns, found {found}")
        self.details = {"expected": str(expected), "found": str(found)}


class SessionBusy(TurnConflict):
    """Another turn of the session is running, and the caller does not wait for it, or has waited long enough."""

    retry_after = timedelta(seconds=1)

    def __init__(self) -> None:
        super().__init__("another turn of the session is running")


class Overloaded(ParleyError):
    """More work is waiting than may; nothing was begun."""

    retry_after = timedelta(seconds=1)


class DeadlineExceeded(ParleyError):
    """The caller's deadline passed before the turn could be committed."""

    def __init__(self) -> None:
        super().__init__("the deadline passed before the turn could be committed")


class CallerStalled(ParleyError):
    """The caller does not read what it is sent; a turn may have been committed all the same."""

    maybe_applied = True

    def __init__(self) -> None:
        super().__init__("the caller has stopped reading")


class ShuttingDown(ParleyError):
    """The server takes no more turns."""

    retry_after = timedelta(seconds=1)

    def __init__(self) -> None:
        super().__init__("the server is shutting down: another one, or this one later, will answer")


class StoreError(ParleyError):
    """The store failed."""


class StoreUnavailable(StoreError):
    """The store did not answer, or answered with an error of its own.

    Raised out of a commit it leaves open whether the commit happened: `maybe_applied` says so.
    """

    retry_after = timedelta(seconds=1)

    def __init__(self, message: str = "the store is not available", *, maybe_applied: bool = False) -> None:
        super().__init__(message)
        self.maybe_applied = maybe_applied


class StoreFull(StoreError):
    """The store has no room left; nothing was written."""

    def __init__(self, message: str = "the store is full") -> None:
        super().__init__(message)


class SessionCorrupt(StoreError):
    """What is stored of a session can not be read; it is left as it is, and no other session is affected."""

    def __init__(self, session_id: str, reason: str) -> None:
        super().__init__(f"the stored session can not be read: {reason}", session_id=session_id)


class ModelFault(StrEnum):
    """Why a language model gave no answer."""

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REJECTED = "rejected"
    """The model's server takes no request: its address, key, model or limits are at fault."""
    UNFIT = "unfit"
    """It does not take this one: it is too long for the model, a filter is against it, or it knows no such option."""
    GARBLED = "garbled"
    """What came is no answer of the protocol, or not in the form that was asked for, or broke off."""
    EMPTY = "empty"
    """It came to its end and has no text: the model wrote none, or thought for as long as it might write."""
    REFUSED = "refused"
    """The model, or a filter behind it, does not want to answer."""
    BUSY = "busy"
    """As many calls as may are waiting for the model."""
    RESTING = "resting"
    """It failed again and again, and is left alone for a while."""
    SPENT = "spent"
    """What may be used of it is used up."""
    ABSENT = "absent"
    """None is configured."""


class ModelUnavailable(ParleyError):
    """The language model gave no answer that could be used; nothing was saved."""

    def __init__(self, fault: ModelFault, *, retry_after: timedelta | None = timedelta(seconds=1)) -> None:
        message = f"the language model gave no answer ({fault}), and there is no text without it"
        super().__init__(message, fault=fault.value)
        self.fault = fault
        self.retry_after = retry_after


class ModelAllowanceSpent(ModelUnavailable):
    """The session, or its tenant for this hour, has used as much of the language model as it may."""

    def __init__(self, retry_after: timedelta | None) -> None:
        super().__init__(ModelFault.SPENT, retry_after=retry_after)


class AssistantFailed(ParleyError):
    """A definition failed while it ran: too many steps in one turn, or a callable that raised."""

    def __init__(self, message: str, *, state: str) -> None:
        super().__init__(message, state=state)


class VersionNotLoaded(ParleyError):
    """The version of its assistant that a session began with is not loaded, and it can not move to the newest one."""

    def __init__(self, session_id: str, assistant: str, version: str, reason: str) -> None:
        super().__init__(
            f"the session began with version {version} of `{assistant}`, which is not loaded: load it, or declare how "
            f"sessions move to the newest one; {reason}",
            session_id=session_id,
            assistant=assistant,
            version=version,
        )


class InvalidDefinition(ParleyError):
    """A definition has defects; `defects` has one line for each."""

    def __init__(self, defects: Sequence[str]) -> None:
        super().__init__("\n".join(defects))
        self.defects = tuple(defects)


class InvalidSettings(ParleyError):
    """The server can not start as it is configured; the message lists every problem."""
