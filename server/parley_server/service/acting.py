"""Acting: what a turn needs from the world while it is decided."""

import asyncio
import inspect
import logging
from collections.abc import Generator

from parley_server.core.conditions import Scope
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
    try:
        if inspect.iscoroutinefunction(action):
            reaction = await action(scope)
        else:
            # A plain function may block, which the event loop must not.
            reaction = await asyncio.to_thread(action, scope)
    except ParleyError:
        raise
    except Exception as error:
        # The error's text may hold what the user said; its kind and place do not.
        place = error.__traceback__.tb_next if error.__traceback__ else None
        line = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else "?"
        logger.warning("action failed: %s raised %s at %s", action, type(error).__name__, line)
        raise AssistantFailed("the assistant's code failed", state=str(scope.context.frame)) from error
    if reaction is None or isinstance(reaction, Reaction):
        return reaction
    raise AssistantFailed("the assistant's code returned no Reaction", state=str(scope.context.frame))
