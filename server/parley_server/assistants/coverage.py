"""Coverage: which states and ways of an assistant conversations have gone through, and how often."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from parley_server.assistants.chart import Chart, Way
from parley_server.core.context import Frame
from parley_server.errors import InvalidDefinition


@dataclass(slots=True)
class Coverage:
    """How often conversations went through each part of an assistant."""

    states: Counter[str] = field(default_factory=Counter)
    """By `flow/state`."""
    ways: Counter[str] = field(default_factory=Counter)
    """By the way in words."""

    def add(self, other: "Coverage") -> None:
        """Counts what another one has counted."""
        self.states += other.states
        self.ways += other.ways

    def has_state(self, frame: Frame) -> bool:
        """Whether a conversation was at a state."""
        return self.states[str(frame)] > 0

    def has_way(self, way: Way) -> bool:
        """Whether a conversation took a way."""
        return self.ways[str(way)] > 0

    def missed(self, chart: Chart) -> Sequence[str]:
        """The states and ways that no conversation went through, in words."""
        states = [str(frame) for frame in chart.states if not self.has_state(frame)]
        return states + [str(way) for way in chart.ways if not self.has_way(way)]

    def percent(self, chart: Chart) -> float:
        """How much of the states and ways conversations went through, 0 to 100."""
        total = len(chart.states) + len(chart.ways)
        return 100 * (total - len(self.missed(chart))) / total


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    states: dict[str, int]
    ways: dict[str, int]


class _File(RootModel[dict[str, _Part]]):
    """The coverage of each assistant, by its name."""


def write_coverage(path: Path, coverages: Mapping[str, Coverage]) -> None:
    """Writes the coverage of assistants, by their names, as JSON."""
    parts = {name: _Part(states=dict(one.states), ways=dict(one.ways)) for name, one in coverages.items()}
    path.write_text(_File(parts).model_dump_json(indent=2) + "\n")


def read_coverage(path: Path, assistant: str) -> Coverage:
    """Reads the coverage of one assistant.

    Raises:
        InvalidDefinition: The file can not be read, or says nothing of the assistant.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidDefinition([f"{path}: can not be read: {error.strerror}"]) from error
    try:
        part = _File.model_validate_json(content).root[assistant]
    except (ValidationError, KeyError) as error:
        raise InvalidDefinition([f"{path}: this is no coverage of `{assistant}`"]) from error
    return Coverage(Counter(part.states), Counter(part.ways))
