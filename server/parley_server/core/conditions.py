"""Conditions: what decides between branches and between the ways out of a state.

A condition looks at a `Scope` and at nothing else. The built-in ones read what understanding says of the words of the
message; none of them looks for substrings.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from parley_server.core.context import ConversationContext
from parley_server.core.slots import SlotsChange
from parley_server.core.understanding import Answer, Command, Understanding


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn knows when something is decided: conditions, templates, handlers and actions look at nothing else."""

    context: ConversationContext
    understanding: Understanding
    """What the message says; of an empty message before it was read."""
    now: datetime
    """The time of the turn, aware, in the user's time zone."""
    change: SlotsChange = SlotsChange()
    """What the message did to the slots."""
    dry_run: bool = False
    """Whether the turn is only tried out: code that changes anything elsewhere then leaves it."""

    def names(self) -> Mapping[str, object]:
        """The names that templates and expressions see."""
        context = self.context
        return {
            "slots": context.slots,
            "intent": self.understanding.intent,
            "message": self.understanding.message,
            "metadata": context.metadata,
            "turn": context.turn_count + 1,
            "phase": context.phase.value,
            "session_id": context.session_id,
            "user_id": context.user_id,
            "now": self.now,
            "today": self.now.date(),
        }


@dataclass(frozen=True, slots=True)
class Condition:
    """A named question about a turn."""

    name: str
    test: Callable[[Scope], bool]
    """Pure and quick: it runs on the event loop."""

    def __call__(self, scope: Scope) -> bool:
        """Whether it holds."""
        return self.test(scope)

    def or_else(self, other: "Condition") -> "Condition":
        """The condition that holds where this one or the other one does, under this one's name."""
        return Condition(self.name, lambda scope: self.test(scope) or other.test(scope))


def _changes(scope: Scope) -> bool:
    return bool(scope.change.filled or scope.change.cleared)


def _confirms(scope: Scope) -> bool:
    # Whoever says yes and changes something in the same breath has not seen what it would be a yes to.
    return scope.understanding.answer is Answer.YES and not scope.change


def _denies(scope: Scope) -> bool:
    return scope.understanding.answer is Answer.NO and not scope.change


def _is_input(scope: Scope) -> bool:
    return scope.understanding.command is None and bool(scope.understanding.message)


def _is_command(command: Command) -> Condition:
    return Condition(command.value, lambda scope: scope.understanding.command is command)


CONFIRM = Condition("confirm", _confirms)
"""The message says yes and changes nothing."""
DENY = Condition("deny", _denies)
"""The message says no and changes nothing."""
CHANGE = Condition("change", _changes)
"""The message gave, changed or took back the value of a slot."""
COMMANDS: Mapping[Command, Condition] = {command: _is_command(command) for command in Command}
"""The message is a command to the conversation itself."""
CANCEL, HELP = COMMANDS[Command.CANCEL], COMMANDS[Command.HELP]
INPUT = Condition("input", _is_input)
"""Any message that is no command."""
ALWAYS = Condition("always", lambda _: True)

BUILT_IN: Mapping[str, Condition] = {
    condition.name: condition for condition in (CONFIRM, DENY, CHANGE, *COMMANDS.values(), INPUT, ALWAYS)
}
"""The conditions that every assistant has, by name."""


def intent_is(name: str) -> Condition:
    """The message has this intent: the whole name, surest of all."""
    return Condition(name, lambda scope: scope.understanding.intent == name)
