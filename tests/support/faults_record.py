"""What callers saw and what the store kept, as plain data, and the recorder that writes down the first.

This module must not know how a turn reaches a server.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from support.faults_echo import NOTHING, Echo
from support.waiting import until


class Outcome(Enum):
    """What a caller knows of a call when it has ended."""

    OK = "ok"
    FAILED = "failed"
    """It left no trace: the server said so."""
    UNKNOWN = "unknown"
    """It may have been applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a turn was completed."""

    reply: str
    turn: int
    replayed: bool
    turn_count: int
    """How many turns the session had, as the answer tells it."""
    known: Echo
    """What the assistant knew, as the answer tells it."""


class Unanswered(Exception):
    """A turn was not completed, as far as its caller knows."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt at a turn. Several with one request_id are one request."""

    session: str
    request_id: str
    message: str
    began: float
    """In seconds, by a monotonic clock that all calls of a record share."""
    ended: float
    outcome: Outcome
    answer: Answer | None = None
    """How the turn was completed; with Outcome.OK alone."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTurn:
    """A turn as the history tells it."""

    turn: int
    request_id: str
    message: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A session as it is read at the end."""

    turn_count: int = 0
    known: Echo = NOTHING
    turns: tuple[KeptTurn, ...] = ()


Line: TypeAlias = Callable[[str, str, str], Awaitable[Answer]]
"""Takes a turn: session, request_id, message. It raises Unanswered."""


class Recorder:
    """Makes calls and writes down what came of each."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.calls: list[Call] = []
        self._clock = clock

    async def say(self, line: Line, session: str, request_id: str, *, gate: str = "") -> Call:
        """Makes one attempt at a turn; its message names the session and the request, so that a mix shows."""
        message = f"{session}/{request_id}" + (f" @{gate}" if gate else "")
        began = self._clock()
        answer, outcome, error = None, Outcome.UNKNOWN, "given up"
        try:
            answer = await line(session, request_id, message)
            outcome, error = Outcome.OK, ""
        except Unanswered as unanswered:
            outcome, error = unanswered.outcome, unanswered.reason
        finally:
            call = Call(
                session=session,
                request_id=request_id,
                message=message,
                began=began,
                ended=self._clock(),
                outcome=outcome,
                answer=answer,
                error=error,
            )
            self.calls.append(call)
        return call

    def count(self, outcome: Outcome) -> int:
        """How many calls ended so."""
        return sum(call.outcome is outcome for call in self.calls)

    def now(self) -> float:
        """The time, by the record's clock."""
        return self._clock()

    def went_on(self, moment: float) -> set[str]:
        """The sessions in which a call was answered that was made after a moment."""
        answered: set[str] = set()
        for call in reversed(self.calls):
            if call.ended < moment:
                break
            if call.began > moment and call.outcome is Outcome.OK:
                answered.add(call.session)
        return answered

    @property
    def sessions(self) -> list[str]:
        """The sessions that were spoken to."""
        return sorted({call.session for call in self.calls})

    async def answered(self, more: int) -> None:
        """Waits until so many more calls were answered."""
        due = self.count(Outcome.OK) + more
        await until(lambda: self.count(Outcome.OK) >= due)
