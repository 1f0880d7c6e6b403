"""When a call is repeated, and how long to wait before.

This module must not wait, nor call: that is done by the clients.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc

from parley.errors import ParleyError, Reason, Unavailable, error_of, incomplete_reply
from parley.exchanges import Exchange

DEFAULT_TIMEOUT = timedelta(seconds=60)

# What a broken connection or a fault in a server looks like. Other statuses would come again.
_BROKEN = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how fast a call is repeated: exponential back-off with full jitter, after what the server asks.

    Repeating a turn is safe, as it keeps its request_id.
    """

    attempts: int = 8
    """How many times the call is made at most, the first one included."""
    first_delay: timedelta = timedelta(milliseconds=200)
    """The longest wait before the second attempt; it doubles with each one."""
    longest_delay: timedelta = timedelta(seconds=5)
    """Where the doubling ends."""
    jitter: Callable[[], float] = random.random
    """Draws the part of a wait that is really waited, 0 to 1."""

    def delay(self, failed: int, retry_after: timedelta | None) -> timedelta:
        """Returns how long to wait after a number of failed attempts.

        Args:
            failed: How many attempts have failed, from 1.
            retry_after: What the server asks for. It comes before the jitter, so that not all callers return at once.
        """
        doublings = min(failed - 1, 32)  # Long past the longest delay, and well inside what a timedelta can hold.
        longest = min(self.longest_delay, self.first_delay * (1 << doublings))
        return (retry_after or timedelta(0)) + longest * self.jitter()


DEFAULT_RETRY = RetryPolicy()


def is_transient(error: ParleyError) -> bool:
    """Whether the same call may succeed later."""
    return (
        error.retry_after is not None
        or isinstance(error, Unavailable)
        or error.reason is Reason.TURN_CONFLICT
        or (error.applied == "unknown" and error.status in _BROKEN)
    )


class Attempts:
    """The attempts of one call, within its deadline."""

    def __init__(
        self,
        exchange: Exchange[Any, Any, Any],
        policy: RetryPolicy,
        timeout: timedelta | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins to count the time.

        Raises:
            TypeError: The time-out is no timedelta.
        """
        if not isinstance(timeout, timedelta | None):
            raise TypeError(f"a timeout is a datetime.timedelta, not {type(timeout).__name__}")
        self._exchange = exchange
        self._policy = policy
        self._clock = clock
        self._deadline = None if timeout is None else clock() + timeout.total_seconds()
        self._failed = 0

    def time_left(self) -> float | None:
        """Returns the seconds until the deadline; None when there is none."""
        return None if self._deadline is None else self._deadline - self._clock()

    def pause_after(self, failure: grpc.RpcError | None) -> float | None:
        """Judges how an attempt ended.

        Args:
            failure: What it failed with; None when its stream ended well.

        Returns:
            The seconds to wait before the next attempt; None when the exchange is complete.

        Raises:
            ParleyError: The call has failed for good.
        """
        exchange = self._exchange
        if exchange.completed or (failure is None and exchange.completes_with_stream):
            return None
        error = error_of(failure) if failure else incomplete_reply()
        if isinstance(error, exchange.completing_errors):
            return None
        self._failed = 1 if exchange.advanced else self._failed + 1
        pause = self._policy.delay(self._failed, error.retry_after).total_seconds()
        time_left = self.time_left()
        in_time = time_left is None or pause < time_left
        if not (self._failed < self._policy.attempts and in_time and self._may_repeat(error)):
            raise error from failure
        return pause

    def _may_repeat(self, error: ParleyError) -> bool:
        harmless = self._exchange.idempotent or error.applied == "no"
        return harmless and is_transient(error) and not isinstance(error, self._exchange.final_errors)
