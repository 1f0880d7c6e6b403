"""Patience: each wait has its own end, and whoever cancels the task is heard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from typing import Any

import pytest
import uvloop

from parley_server.patience import Patience

SHORT = 0.01
LONG = 60.0


@pytest.fixture
async def patience() -> AsyncIterator[Patience]:
    with closing(Patience()) as patience:
        yield patience


def later(seconds: float) -> "asyncio.Future[None]":
    """Something that is done after so long."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    return done


def never() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


async def test_a_wait_that_takes_too_long_is_ended(patience: Patience) -> None:
    with pytest.raises(TimeoutError), patience.at_most(SHORT):
        await never()


async def test_a_wait_whose_time_is_over_before_it_begins_is_ended(patience: Patience) -> None:
    with pytest.raises(TimeoutError), patience.until(0):
        await never()


async def test_a_short_wait_after_a_long_one_has_its_own_end(patience: Patience) -> None:
    with patience.at_most(LONG):
        await later(0)
    with pytest.raises(TimeoutError), patience.at_most(SHORT):
        await never()


async def test_a_wait_whose_bound_is_lifted_outlives_it(patience: Patience) -> None:
    with patience.at_most(SHORT):
        await later(0)
        patience.close()
        await later(3 * SHORT)
    with pytest.raises(TimeoutError), patience.at_most(SHORT):
        await never()


async def test_a_long_wait_after_a_short_one_outlives_its_end(patience: Patience) -> None:
    with patience.at_most(SHORT):
        await later(0)
    with patience.at_most(LONG):
        await later(3 * SHORT)
    with pytest.raises(TimeoutError), patience.at_most(SHORT):
        await never()


async def test_the_end_of_a_wait_ends_nothing_that_comes_after_it(patience: Patience) -> None:
    with patience.at_most(SHORT):
        await later(0)

    await later(3 * SHORT)


async def test_what_fails_in_time_fails_as_it_did(patience: Patience) -> None:
    with pytest.raises(ValueError, match="mine"), patience.at_most(LONG):
        raise ValueError("mine")


async def test_a_task_that_is_cancelled_while_it_waits_is_cancelled(patience: Patience) -> None:
    async def wait() -> None:
        with closing(Patience()) as own, own.at_most(LONG):
            await never()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_is_cancelled_as_its_wait_ends_is_cancelled() -> None:
    async def wait() -> None:
        with closing(Patience()) as own, own.until(0):
            # Both happen in the same round of the loop.
            asyncio.get_running_loop().call_soon(task.cancel)
            await never()

    task = asyncio.create_task(wait())

    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_wait_that_ends_between_two_ticks_of_the_clock_is_not_looked_at_again_and_again() -> None:
    class Counting(uvloop.Loop):
        timers = 0

        def call_at(self, *arguments: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]  # any call
            self.timers += 1
            return super().call_at(*arguments, **options)

    async def wait() -> None:
        with closing(Patience()) as own:
            for _ in range(10):
                with suppress(TimeoutError), own.at_most(0.0034):
                    await never()

    loop = Counting()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(wait())

    assert 10 <= loop.timers <= 20
