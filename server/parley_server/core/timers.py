"""Timers: states that do not wait for their user for ever. No clock runs: the next turn, or whoever looks, sees it."""

from datetime import datetime

from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext


def overdue(assistant: Assistant, context: ConversationContext, now: datetime) -> str:
    """The state to go to since the one on top of the stack has waited too long; empty: it has not."""
    if not context.stack or context.handoff:
        return ""
    state = assistant.machines[context.stack[-1].flow].current_state(context)
    waited = now - context.updated_at
    return state.expired if state.expires_after and waited >= state.expires_after else ""


def as_of(assistant: Assistant, context: ConversationContext, now: datetime) -> ConversationContext:
    """The context as it stands at a time, for somebody who only looks."""
    state = overdue(assistant, context, now)
    return assistant.machines[context.stack[-1].flow].transition(context, state) if state else context
