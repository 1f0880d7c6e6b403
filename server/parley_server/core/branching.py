"""Branches: what is tried before the flow, in order of priority."""

from collections.abc import Iterable
from dataclasses import dataclass

from parley_server.core.conditions import Condition, Scope
from parley_server.core.explanation import Explanation
from parley_server.core.reactions import Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationBranch:
    """A condition, and what happens when it holds."""

    name: str
    condition: Condition
    handler: Handler
    priority: int = 0
    """Higher is tried first; among equals the one that was defined first."""


class BranchingConversation:
    """Chooses among branches."""

    def __init__(
        self, branches: Iterable[ConversationBranch] = (), *, default: ConversationBranch | None = None
    ) -> None:
        """Takes the branches in order of definition, and the one that is chosen when no condition holds."""
        self.branches = tuple(sorted(branches, key=lambda branch: -branch.priority))
        self.default = default

    def choose(self, scope: Scope, explanation: Explanation) -> ConversationBranch | None:
        """The branch of the highest priority whose condition holds; else the default, if there is one."""
        for branch in self.branches:
            if branch.condition(scope):
                explanation.note("branch", branch.name, f"{branch.condition.name} holds", taken=True)
                return branch
            explanation.note("branch", branch.name, f"{branch.condition.name} does not hold")
        return self.default
