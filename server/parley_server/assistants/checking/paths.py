"""Paths through a definition by which a slot is empty, for an author who is told that it may be."""

from collections import deque
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

from parley_server.assistants.chart import WayKind
from parley_server.assistants.checking.values import Known, Values
from parley_server.core.context import Frame

_Point: TypeAlias = tuple[Frame, bool]
"""A state, and whether the slot has its value for certain when a conversation comes there."""

_LONGEST = 10
"""How much of a path is told; of a longer one the middle is counted."""


class Paths:
    """The shortest paths to states by which slots may have no value there."""

    def __init__(self, values: Values) -> None:
        """Takes what is known at each state."""
        self._values = values
        self._paths = cache(self._search)

    def to(self, frame: Frame, slot: str) -> str:
        """The states of the path to one, in words after a comma; empty: each path to it fills the slot."""
        path = self._paths(slot).get(frame, ())
        if len(path) > _LONGEST:
            path = [*path[:2], f"{len(path) - _LONGEST + 1} more", *path[3 - _LONGEST :]]
        return f", by the path {' → '.join(path)}" if path else ""

    def to_where_it_waits(self, slot: str) -> str:
        """The same for the nearest state in which a conversation waits, the slot still being empty."""
        for frame in self._paths(slot):
            if self._values.waits(frame) and slot not in self._values.asked(frame, _known(slot, has=False)).surely:
                return self.to(frame, slot)
        return ""

    def _search(self, slot: str) -> Mapping[Frame, Sequence[str]]:
        chart, anywhere = self._values.chart, self._values.anywhere
        paths: dict[_Point, tuple[str, ...]] = {(chart.start, False): (str(chart.start),)}
        for entrance in chart.entrances:
            point = entrance.target, slot in anywhere.cleared(entrance.clear).surely
            paths.setdefault(point, (f"{entrance.opener} {entrance.name}", str(entrance.target)))
        waiting = deque(paths)
        while waiting:
            point = waiting.popleft()
            for target in self._next(point, slot):
                if target not in paths:
                    paths[target] = (*paths[point], str(target[0]))
                    waiting.append(target)
        return {frame: path for (frame, has), path in paths.items() if not has}

    def _next(self, point: _Point, slot: str) -> Sequence[_Point]:
        frame, has = point
        ways = [w for w in self._values.chart.ways_from(frame) if w.kind is WayKind.CALL or self._values.returns(frame)]
        known = _known(slot, has=has)
        return [(way.target, slot in self._values.along(way, known).surely) for way in ways]


def _known(slot: str, *, has: bool) -> Known:
    return Known(frozenset({slot} if has else ()), frozenset({slot}))
