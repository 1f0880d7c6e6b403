"""The circuit breaker: a model server that fails again and again is left alone for a while."""

from collections.abc import Callable
from datetime import timedelta


class Breaker:
    """Opens after failures in a row; then lets one call through from time to time, and closes when that succeeds."""

    def __init__(self, *, failures: int, pause: timedelta, clock: Callable[[], float]) -> None:
        """Takes how many failures open it, for how long, and a monotonic clock in seconds."""
        self._limit = failures
        self._pause = pause.total_seconds()
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._probing = False

    def blocked(self) -> timedelta | None:
        """How long no call makes sense; None: one may be made now."""
        if not self._open:
            return None
        wait = self._open_until - self._clock()
        if wait <= 0 and not self._probing:
            return None
        return timedelta(seconds=max(wait, self._pause if self._probing else 0.0))

    def begin(self) -> bool:
        """A call is being made. Returns what `end` is to be told: whether it is the one that was let through."""
        probing = self._open
        self._probing = self._probing or probing
        return probing

    def answer(self) -> None:
        """A call begins to get an answer: where it is the one that was let through, others need wait no longer."""
        if self._probing:
            self._failures = 0

    def succeed(self) -> None:
        """A call got an answer."""
        self._failures = 0

    def fail(self, pause: timedelta | None = None) -> None:
        """A call got none; `pause`: how long the server asked to be left alone."""
        self._failures += 1
        if pause is not None:
            self._failures = max(self._failures, self._limit)
        if self._open:
            self._open_until = self._clock() + max(self._pause, pause.total_seconds() if pause else 0.0)

    def end(self, *, probing: bool) -> None:
        """A call is over, whatever came of it. Calls that were made before the breaker opened let no other through."""
        if probing:
            self._probing = False

    @property
    def _open(self) -> bool:
        return self._failures >= self._limit
