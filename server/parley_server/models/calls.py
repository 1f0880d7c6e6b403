"""Calls: how a model is asked so that it can be slow, down or wrong and harm nothing but its own answers.

Every wait has an end, on the monotonic clock. A call that failed in passing is made once more, unless something of its
answer was handed out. A model that fails again and again is left alone for a while.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.breaker import Breaker
from parley_server.models.protocol import Completion, Finish, ModelRequest, Piece, Provider
from parley_server.patience import Patience

logger = logging.getLogger(__name__)

_PASSING = frozenset(
    {ModelFault.UNREACHABLE, ModelFault.SERVER_ERROR, ModelFault.GARBLED, ModelFault.EMPTY, ModelFault.TIMEOUT}
)
"""Faults that the same call may not have the next time."""
_HEALTHY = frozenset({ModelFault.REFUSED, ModelFault.UNFIT, ModelFault.EMPTY})
"""Faults that say nothing against the model's server: what one user writes must not take it from the others."""
_ATTEMPTS = 2
_FAILURES = 5
_REST = timedelta(seconds=5)
_FAIR = timedelta(seconds=1)
"""A model that had less time than this has not failed: its caller was in a hurry."""
_LEAST_TIME = timedelta(milliseconds=50)
"""With less time than this no call is repeated."""
_REPEATS_EARNED = 0.1
"""How many repeats each call earns: when most calls fail, repeats would make it worse."""
_MOST_REPEATS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """How long calls may take, and how many there may be."""

    first_token: timedelta = timedelta(seconds=20)
    """How long a model may be silent before it begins."""
    next_token: timedelta = timedelta(seconds=10)
    """How long it may be silent between two pieces of text."""
    in_flight: int = 1000
    """How many calls may be open at once."""
    waiting: int = 1000
    """How many more may wait for one of them to end."""
    patience: timedelta = timedelta(seconds=10)
    """How long they wait."""


class ModelCalls:
    """All calls to one provider."""

    def __init__(self, provider: Provider, limits: ModelLimits) -> None:
        """Takes the provider; what it holds is given back by `close`."""
        self._provider = provider
        self._limits = limits
        self._places = asyncio.Semaphore(limits.in_flight)
        self._waiting = 0
        self._repeats = _MOST_REPEATS
        self._breaker = Breaker(failures=_FAILURES, pause=_REST, clock=lambda: asyncio.get_running_loop().time())

    async def complete(self, request: ModelRequest, *, until: float) -> Completion:
        """Has a whole answer written.

        Args:
            request: What is asked.
            until: When the answer is no longer of use, in seconds of the loop's clock.

        Raises:
            ModelUnavailable: There is none.
        """
        # A whole answer has no first token that could be seen.
        silence = self._limits.first_token.total_seconds()
        for attempt in self._attempts():
            try:
                async with self._call(request, until) as patience:
                    with patience.until(min(until, _now() + silence)):
                        return await self._provider.complete(request)
            except ModelUnavailable as error:
                if not self._repeat(error, attempt, until):
                    raise
        raise AssertionError  # The last attempt returned or raised.

    async def stream(self, request: ModelRequest, *, until: float) -> AsyncGenerator[Piece, None]:
        """Has an answer written and hands out its pieces as they come; see `complete`. Close it when it is left."""
        for attempt in self._attempts():
            begun, time = False, asyncio.get_running_loop().time
            silence = self._limits.first_token.total_seconds()
            try:
                async with (
                    self._call(request, until) as patience,
                    aclosing(self._provider.stream(request)) as pieces,
                ):
                    while True:
                        with patience.until(min(until, time() + silence)):
                            piece = await _next(pieces)
                        if isinstance(piece, Finish):
                            break
                        if not begun:
                            self._breaker.answer()
                        begun, silence = True, self._limits.next_token.total_seconds()
                        yield piece
            except ModelUnavailable as error:
                if begun or not self._repeat(error, attempt, until):
                    raise
            else:
                # The call is over and counted before its end is handed out: nobody asks for more after that.
                yield piece
                return

    async def close(self) -> None:
        """Gives back what the provider holds."""
        await self._provider.close()

    @asynccontextmanager
    async def _call(self, request: ModelRequest, until: float) -> AsyncIterator[Patience]:
        """One call: waits for its place, gives what bounds its waits, tells the breaker and the log how it went."""
        await self._admit(until)
        began, outcome, patience = _now(), "given up", Patience()
        probing = self._breaker.begin()
        try:
            yield patience
        except TimeoutError:
            outcome = ModelFault.TIMEOUT
            if _now() < until or _now() - began >= _FAIR.total_seconds():
                self._breaker.fail()
            raise ModelUnavailable(ModelFault.TIMEOUT) from None
        except ModelUnavailable as error:
            outcome = error.fault
            if error.fault in _HEALTHY:
                self._breaker.succeed()
            else:
                self._breaker.fail(error.retry_after if error.fault is ModelFault.RATE_LIMITED else None)
            raise
        else:
            outcome = "ok"
            self._breaker.succeed()
        finally:
            patience.close()
            self._breaker.end(probing=probing)
            self._places.release()
            level = logging.DEBUG if outcome in ("ok", "given up") else logging.WARNING
            took = (_now() - began) * 1000
            logger.log(level, "model, %s %s: %s, %.0f ms", request.purpose, request.prompt_version, outcome, took)

    async def _admit(self, until: float) -> None:
        """Waits for a place among the calls."""
        if _now() >= until:
            raise ModelUnavailable(ModelFault.TIMEOUT)
        self._check_breaker()
        if self._places.locked() and self._waiting >= self._limits.waiting:
            raise ModelUnavailable(ModelFault.BUSY)
        self._waiting += 1
        try:
            async with asyncio.timeout_at(min(until, _now() + self._limits.patience.total_seconds())):
                await self._places.acquire()
        except TimeoutError:
            raise ModelUnavailable(ModelFault.BUSY) from None
        finally:
            self._waiting -= 1
        try:
            self._check_breaker()
        except ModelUnavailable:
            self._places.release()
            raise

    def _check_breaker(self) -> None:
        if (wait := self._breaker.blocked()) is not None:
            raise ModelUnavailable(ModelFault.RESTING, retry_after=wait)

    def _attempts(self) -> range:
        self._repeats = min(self._repeats + _REPEATS_EARNED, _MOST_REPEATS)
        return range(1, _ATTEMPTS + 1)

    def _repeat(self, error: ModelUnavailable, attempt: int, until: float) -> bool:
        """Whether to make a call that failed once more."""
        in_time = until - _now() > _LEAST_TIME.total_seconds()
        again = error.fault in _PASSING and attempt < _ATTEMPTS and self._repeats >= 1 and in_time
        self._repeats -= again
        return again


async def _next(pieces: AsyncGenerator[Piece, None]) -> Piece:
    try:
        return await anext(pieces)
    except StopAsyncIteration:
        # A provider of somebody else's: whether it said all, nobody knows.
        raise ModelUnavailable(ModelFault.GARBLED) from None


def _now() -> float:
    return asyncio.get_running_loop().time()
