"""Acting: what a turn needs from the world while it is decided."""

import asyncio
import inspect
import logging
import traceback
from typing import TypeVar

from parley_server.core.effects import Generate, Perform, Steps, Understand
from parley_server.errors import AssistantFailed, ParleyError
from parley_server.models.consultation import Consultation
from parley_server.nlu.protocol import Understander
from parley_server.service.writing import Tell, write

_T = TypeVar("_T")

logger = logging.getLogger(__name__)


async def carry_through(
    course: Steps[_T],
    understander: Understander,
    consultation: Consultation | None = None,
    tell: Tell = lambda _decision, _reply: None,
) -> _T:
    """Decides something to its end: has messages understood and texts written, and runs the author's code.

    Args:
        course: What is decided.
        understander: Who understands messages.
        consultation: What the turn may ask of a model; None: nothing.
        tell: Told what a model writes, as it comes.

    Raises:
        AssistantFailed: The author's code raised, or the definition goes round.
        ModelUnavailable: The model gave no answer where the definition has nothing else to say.
    """
    consultation = consultation or Consultation()
    result: object = None
    while True:
        try:
            effect = course.send(result)
        except StopIteration as stop:
            decided: _T = stop.value
            return decided
        match effect:
            case Understand():
                result = await understander.understand(effect.message, effect.situation, consultation)
            case Perform():
                result = await _perform(effect)
            case Generate():
                result = await write(effect, consultation, tell)


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
