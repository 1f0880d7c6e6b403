"""Waiting for what others bring about."""

import asyncio
from collections.abc import Awaitable, Callable

from support.faults_record import Outcome, Recorder

_LOOK_EVERY = 0.01
_PATIENCE = 30.0


async def until(condition: Callable[[], Awaitable[bool] | bool], what: str) -> None:
    """Looks again and again until a condition holds, and gives up after half a minute."""
    try:
        async with asyncio.timeout(_PATIENCE):
            while True:
                holds = condition()
                if await holds if isinstance(holds, Awaitable) else holds:
                    return
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError:
        raise AssertionError(f"in vain waited for: {what}") from None


async def answered(recorder: Recorder, more: int) -> None:
    """Waits until so many more calls were answered."""
    due = recorder.count(Outcome.OK) + more
    await until(lambda: recorder.count(Outcome.OK) >= due, f"{more} more answers")
