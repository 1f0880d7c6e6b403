"""Bounds on waits that follow one another quickly: the same as `asyncio.timeout`, at a sixth of its price."""

import asyncio
from types import TracebackType

_TICK = 0.001
"""Seconds: uvloop counts in these, and may ring up to half of one too early."""


class Patience:
    """Bounds one wait after the other, in one task: `with patience.until(when): await …`.

    A timer is set once and not moved with every wait: when it rings too early, it is set again.
    """

    def __init__(self) -> None:
        """Belongs to the event loop that is running."""
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0
        self._waiting: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._is_over = False

    def at_most(self, seconds: float) -> "Patience":
        """Bounds the next wait by its length."""
        return self.until(self._loop.time() + seconds)

    def until(self, when: float) -> "Patience":
        """Bounds the next wait by its end, in seconds of the loop's clock."""
        self._until = when
        return self

    def close(self) -> None:
        """Takes the timer back, after the last wait, or in one that shall last as long as it may from then on."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can wait")
        self._waiting = task
        self._cancelling = task.cancelling()
        self._is_over = False
        if self._timer is None or self._until < self._rings_at:
            self._set_timer()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends a wait.

        Raises:
            TimeoutError: It took too long.
        """
        task, self._waiting = self._waiting, None
        # Where somebody else cancels the task as well, it is that which counts.
        if self._is_over and task and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._rings_at = self._until
        self._timer = self._loop.call_at(self._until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() + _TICK < self._until:
            self._set_timer()
        else:
            self._is_over = True
            self._waiting.cancel()
