"""Acting: what a turn needs from the world while it is decided."""

import asyncio
import inspect
import logging
import traceback
from typing import TypeVar

from parley_server.core.effects import Perform, Steps, Understand
from parley_server.errors import AssistantFailed, ParleyError
from parley_server.nlu.protocol import Understander

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


async def carry_through(course: Steps[_T], understander: Understander) -> _T:
    """Decides something to its end: has the message understood and runs the author's code as it asks for it.

    Raises:
        AssistantFailed: The author's code raised, or the definition goes round.
    """
    result: object = None
    while True:
        try:
            effect = course.send(result)
        except StopIteration as stop:
            decided: _T = stop.value
            return decided
        if isinstance(effect, Understand):
            result = await understander.understand(effect.message, effect.situation)
        else:
            result = await _perform(effect)


async def _perform(effect: Perform) -> object:
    try:
        if inspect.iscoroutinefunction(effect.code):
            return await effect.code(*effect.arguments)
        # A plain function may block, which the event loop must not.
        returned = await asyncio.to_thread(effect.code, *effect.arguments)
        return await returned if inspect.isawaitable(returned) else returned
    except ParleyError:
        raise
    except (Exception, asyncio.CancelledError, SystemExit) as error:
        if _is_cancelled(error):
            raise
        # The error's text may hold what the user said; its kind and place do not.
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        logger.warning("code failed: %s raised %s at %s:%s", effect.code, kind, where.filename, where.lineno)
        raise AssistantFailed("the assistant's code failed", state=effect.place) from error


def _is_cancelled(error: BaseException) -> bool:
    """Whether it is the turn that is being cancelled, and not the code that raised such an error by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
