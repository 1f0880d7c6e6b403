"""A clock that a test sets.

This module must not know what it is the clock of.
"""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Stands still until it is told to move on."""

    def __init__(self, now: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """The time: aware, UTC."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Moves on."""
        self._now += by
