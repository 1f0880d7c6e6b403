"""Why a turn went as it did: everything that was considered, in order, and why it was taken or left."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExplanationStep:
    """One thing that a turn considered."""

    kind: str
    """`timer`, `handoff`, `slot`, `branch`, `question`, `sub_conversation`, `intent`, `transition`, `form`, `next`,
    `command`, `generate` or `fallback`."""
    name: str
    taken: bool
    reason: str


@dataclass(slots=True)
class Explanation:
    """The steps of one turn. They are only written down when somebody asked for them."""

    wanted: bool
    steps: list[ExplanationStep] = field(default_factory=list)

    def note(self, kind: str, name: str, reason: str, *, taken: bool = False) -> None:
        """Writes down one thing that was considered."""
        if self.wanted:
            self.steps.append(ExplanationStep(kind, name, taken, reason))
