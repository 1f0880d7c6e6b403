"""Acting: what a turn needs from the world while it is decided."""

import asyncio
import inspect
import logging
import traceback
from collections.abc import Generator

from parley_server.core.conditions import Scope
from parley_server.core.context import is_json
from parley_server.core.course import Effect, Result, Understand
from parley_server.core.reactions import Action, Reaction
from parley_server.core.turn import Decision
from parley_server.errors import AssistantFailed, ParleyError
from parley_server.nlu.protocol import Understander

logger = logging.getLogger(__name__)


async def carry_through(course: Generator[Effect, Result, Decision], understander: Understander) -> Decision:
    """Decides a turn to its end: has the message understood and runs the author's code as the turn asks for it.

    Raises:
        AssistantFailed: The author's code raised, or the definition goes round.
    """
    result: Result = None
    while True:
        try:
            effect = course.send(result)
        except StopIteration as stop:
            decision: Decision = stop.value
            return decision
        if isinstance(effect, Understand):
            result = await understander.understand(effect.message, effect.situation)
        else:
            result = await _perform(effect.action, effect.scope)


async def _perform(action: Action, scope: Scope) -> Reaction | None:
    state = str(scope.context.frame)
    try:
        if inspect.iscoroutinefunction(action):
            reaction = await action(scope)
        else:
            # A plain function may block, which the event loop must not.
            reaction = await asyncio.to_thread(action, scope)
    except ParleyError:
        raise
    except (Exception, asyncio.CancelledError, SystemExit) as error:
        if _is_cancelled(error):
            raise
        # The error's text may hold what the user said; its kind and place do not.
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = type(error).__name__
        logger.warning("action failed: %s raised %s at %s:%s", action, kind, place.filename, place.lineno)
        raise AssistantFailed("the assistant's code failed", state=state) from error
    if reaction is None:
        return None
    if not isinstance(reaction, Reaction) or not is_json(reaction.metadata):
        raise AssistantFailed("the assistant's code returned no Reaction that can be kept", state=state)
    return reaction


def _is_cancelled(error: BaseException) -> bool:
    """Whether it is the turn that is being cancelled, and not the code that raised such an error by itself."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
