"""Lines: what a picture draws between two boxes, with everything that leads from the one to the other on one line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from parley_server.assistants.chart import Chart, WayKind
from parley_server.assistants.coverage import Coverage
from parley_server.core.context import Frame

_JOINT = re.compile(r"(?=&&|\|\|)")
"""Where a long expression is best broken."""
_WIDTH = 30
"""How many letters of a condition stand on one line of its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line from one state to another."""

    origin: Frame
    target: Frame
    kind: WayKind
    label: Sequence[str]
    """The lines of the label."""
    covered: bool | None
    """Whether a conversation took it; None: that is not asked."""


def lines(chart: Chart, coverage: Coverage | None = None) -> Sequence[Line]:
    """The lines of a chart, those of one kind and coverage between two states as one."""
    labels: dict[tuple[Frame, Frame, WayKind, bool | None], list[str]] = {}
    for way in chart.ways:
        covered = coverage.has_way(way) if coverage else None
        label = labels.setdefault((way.origin, way.target, way.kind, covered), [])
        if way.kind is WayKind.EXPIRED:
            label.append(f"after {way.label}")
        elif way.kind is WayKind.NEXT and not way.label and chart.states[way.origin].forks:
            label.append("else")
        elif way.kind is WayKind.NEXT and not way.label and chart.states[way.origin].form:
            label.append("complete")
        else:
            label += [row for part in _JOINT.split(way.label) for row in wrap(part, _WIDTH, break_long_words=False)]
    return [
        Line(origin=origin, target=target, kind=kind, label=label, covered=covered)
        for (origin, target, kind, covered), label in labels.items()
    ]
