"""Waiting for what becomes true elsewhere: looked at often, and not for ever."""

import asyncio
from collections.abc import Callable

_LOOK_EVERY = 0.002
_LIMIT = 20.0


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds; fails the test if that takes too long."""
    async with asyncio.timeout(_LIMIT):
        while not condition():  # noqa: ASYNC110  # what is looked at belongs to others, who know of no event
            await asyncio.sleep(_LOOK_EVERY)
