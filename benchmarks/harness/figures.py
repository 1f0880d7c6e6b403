"""Figures: what was measured, beside what was aimed at, as a table and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROUNDS = 3
"""How often each contender is measured; medians of them are reported."""
README = Path(__file__).parents[2] / "README.md"
_MARKS = ("<!-- benchmarks -->", "<!-- /benchmarks -->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured."""

    topic: str
    measure: str
    value: float
    unit: str = ""
    """Empty: it is a ratio or a count."""
    at_least: float | None = None
    at_most: float | None = None
    how: str = ""
    """What the value was made of, or how it was measured."""

    @property
    def goal(self) -> str:
        """The goal in words; empty: there is none, the value is there to be known."""
        if self.at_least is not None:
            return f"≥ {_short(self.at_least)}{_unit(self.unit)}"
        return f"≤ {_short(self.at_most)}{_unit(self.unit)}" if self.at_most is not None else ""

    @property
    def met(self) -> str:
        """Whether the goal is met; empty: there is none."""
        if not self.goal:
            return ""
        enough = self.at_least is None or self.value >= self.at_least
        return "yes" if enough and (self.at_most is None or self.value <= self.at_most) else "no"

    @property
    def measured(self) -> str:
        """The value in words."""
        return f"{_short(self.value)}{_unit(self.unit)}"


def interleaved(contenders: Mapping[str, Callable[[], T]], rounds: int = ROUNDS) -> dict[str, list[T]]:
    """Measures each contender once a round, one after the other, so that what disturbs the machine disturbs all."""
    results: dict[str, list[T]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            results[name].append(measure())
    return results


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median of the ratios of what was measured in the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def write_json(path: Path, figures: Iterable[Figure], *, command: str) -> None:
    """Writes the figures, with when, where and how they were measured."""
    processor = next((line.split(":")[1] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores of {processor.strip() or platform.machine()}",
        "python": platform.python_version(),
        "command": command,
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")


def table_row(figure: Figure) -> str:
    """A figure as a line of a table."""
    name = f"{figure.topic:12} {figure.measure:74}"
    return f"{name} {figure.goal:>10} {figure.measured:>12}  {figure.met:3}  {figure.how}"


def write_readme(path: Path, readme: Path = README) -> None:
    """Writes the figures of a JSON file between the marks of the README."""
    report = json.loads(path.read_text())
    where = f"{report['date']}, {report['machine']}, Python {report['python']}, `{report['command']}`"
    rows = [f"| measure ({where}) | goal | measured | met |"]
    rows.append("| --- | --- | --- | --- |")
    for fields in report["figures"]:
        figure = Figure(**fields)
        rows.append(f"| {figure.measure} | {figure.goal} | {figure.measured} | {figure.met} |")
    before, rest = readme.read_text().split(_MARKS[0])
    after = rest.split(_MARKS[1])[1]
    readme.write_text("\n".join((before + _MARKS[0], *rows, _MARKS[1] + after)))


def _short(value: float | None) -> str:
    number = value or 0
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
