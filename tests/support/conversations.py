"""Conversations of the bare core: no server, no store, and understanding that is said outright."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from parley_server.core.assistant import Assistant
from parley_server.core.conditions import Scope
from parley_server.core.context import ConversationContext
from parley_server.core.decision import Decision
from parley_server.core.effects import Perform, Steps, Understand
from parley_server.core.slots import Candidate, SlotsChange, SlotValue
from parley_server.core.turn import decide
from parley_server.core.understanding import Situation, Understanding
from parley_server.errors import ModelFault, ModelUnavailable

T = TypeVar("T")

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)


def context(**fields: object) -> ConversationContext:
    """A context of no assistant in particular."""
    known: dict[str, Any] = {
        "session_id": "s-1",
        "assistant": "test",
        "assistant_version": "1",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ConversationContext(**{**known, **fields})


def understood(message: str = "…", *, gives: Mapping[str, SlotValue] | None = None, **fields: Any) -> Understanding:
    """An understanding of a message that gives these values."""
    slots = {name: Candidate(value=value, raw=str(value)) for name, value in (gives or {}).items()}
    return Understanding(message=message, slots=slots, **fields)


def scope(understanding: Understanding | None = None, *, change: SlotsChange | None = None, **fields: object) -> Scope:
    """What a turn knows."""
    return Scope(
        context=context(**fields),
        understanding=understanding or understood(),
        now=NOW,
        change=change or SlotsChange(),
    )


def settle(steps: Steps[T]) -> T:
    """Carries something through that runs code at the most."""
    result: object = None
    while True:
        try:
            effect = steps.send(result)
        except StopIteration as stop:
            settled: T = stop.value
            return settled
        assert isinstance(effect, Perform)
        result = effect.code(*effect.arguments)


class Talk:
    """A conversation with an assistant whose understanding is given with each message."""

    def __init__(self, assistant: Assistant) -> None:
        self.assistant = assistant
        self.context = context(assistant=assistant.name)
        self.situations: list[Situation] = []
        self.now = NOW

    def say(
        self,
        understanding: Understanding | Callable[[Situation], Understanding],
        *,
        given: Mapping[str, SlotValue] | None = None,
        handed_back: bool = False,
        explain: bool = False,
    ) -> Decision:
        """Takes a turn."""
        fixed = understanding if isinstance(understanding, Understanding) else None
        message = fixed.message if fixed else "…"
        course = decide(
            self.assistant,
            self.context,
            message=message,
            now=self.now,
            given=given,
            handed_back=handed_back,
            explain=explain,
        )
        result: object = None
        while True:
            try:
                effect = course.send(result)
            except StopIteration as stop:
                decision: Decision = stop.value
                self.context = decision.context
                return decision
            if isinstance(effect, Understand):
                self.situations.append(effect.situation)
                result = fixed or understanding(effect.situation)  # type: ignore[operator]  # it is one or the other
            elif isinstance(effect, Perform):
                result = effect.code(*effect.arguments)
            else:
                result = ModelUnavailable(ModelFault.ABSENT)
