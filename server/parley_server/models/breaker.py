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

    def begin(self) -> None:
        """A call is being made."""
        self._probing = self._open

    def succeed(self) -> None:
        """The call got an answer."""
        self._failures, self._probing = 0, False

    def fail(self, pause: timedelta | None = None) -> None:
        """The call got none; `pause`: how long the server asked to be left alone."""
        self._failures += 1
        self._probing = False
        if pause is not None:
            self._failures = max(self._failures, self._limit)
        if self._open:
            self._open_until = self._clock() + max(self._pause, pause.total_seconds() if pause else 0.0)

    def abandon(self) -> None:
        """The call was given up before it could tell."""
        self._probing = False

    @property
    def _open(self) -> bool:
        return self._failures >= self._limit
