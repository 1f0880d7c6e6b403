"""Changes of a value that is known: "a week later", "half an hour earlier", "one more".

This module must not know slots.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time

from parley_server.nlu.values.dates.meanings import moved
from parley_server.nlu.values.dates.vocabulary import CARDINAL, CLOCK_UNITS, COUNT, UNITS, number_of

_DAYS = "|".join(UNITS)
_CLOCK = "|".join(CLOCK_UNITS)
_DURATION = rf"(?<!hour\s)(?<!hours\s)(?<!and\s)(?P<count>{COUNT}|half\san?)\s?(?P<unit>{_DAYS}|{_CLOCK})s?"
_MINUTES_OF_DAY = 24 * 60
_SHIFTS = (
    re.compile(rf"\b{_DURATION}\s(?P<side>later|earlier|sooner|after(?=\W*$|\sthat\b)|before(?=\W*$|\sthat\b))"),
    re.compile(rf"\b(?P<side>push|delay|postpone)\w*\s(?:\w+\s){{0,3}}?(?:back\s|out\s)?(?:by\s)?{_DURATION}\b"),
    re.compile(rf"\b(?:move|put)\s(?:\w+\s){{0,3}}?(?P<side>back|out|up)\s(?:by\s)?{_DURATION}\b"),
    re.compile(rf"\bbring\s(?:\w+\s){{0,3}}?(?P<side>forward)\s(?:by\s)?{_DURATION}\b"),
    re.compile(rf"\bthe\s(?P<unit>{_DAYS})\s(?P<side>after|before)(?=\W*$|\sthat\b|\splease\b)"),
    re.compile(r"\bthe\s(?P<side>next|following|previous)\s(?P<unit>day)(?=\W*$|\splease\b|\sinstead\b)"),
)
_MORE = re.compile(
    rf"\b(?P<count>\d{{1,3}}|{CARDINAL})"
    r"(?P<noun>\s(?!or\b|no\b|and\b|much\b|(?:more|extra|additional|fewer|less)\b)[a-z]+)?\s"
    r"(?P<side>more|extra|additional|fewer|less)\b(?!\s(?:things?|questions?|times?|minutes?|moments?|details?|try)\b)"
)
_UP = frozenset(["more", "extra", "additional"])
_GATE = re.compile(r"later|earlier|sooner|after|before|push|delay|postpone|move|put|bring|next|following|previous")
_BACK = frozenset(["earlier", "sooner", "before", "up", "forward", "previous"])


@dataclass(frozen=True, slots=True)
class Shift:
    """A value that a text makes of the one that is known."""

    value: date | time | int
    start: int
    end: int
    counted: int = 0
    """Where the words begin that say what is counted."""


def shifts_in(text: str, known: date | time) -> Iterator[Shift]:
    """Finds what a folded text moves a date or time to; a move beyond the calendar or midnight is none."""
    for pattern in _SHIFTS if _GATE.search(text) else ():
        for match in pattern.finditer(text):
            value = _shifted(known, match)
            if value is not None:
                yield Shift(value, *match.span())


def changes_in(text: str, known: int) -> Iterator[Shift]:
    """Finds what a folded text changes a count to: "two more people", "one less"."""
    for match in _MORE.finditer(text):
        change = number_of(match["count"])
        value = known + (change if match["side"] in _UP else -change)
        if value >= 0:
            yield Shift(value, *match.span(), match.end("count") if match["noun"] else match.end())


def _shifted(known: date | time, match: re.Match[str]) -> date | time | None:
    sign = -1 if match["side"] in _BACK else 1
    count, unit = match.groupdict().get("count") or "a", match["unit"]
    if not isinstance(known, time):
        return None if unit in CLOCK_UNITS else moved(datetime.combine(known, time(12)), f"{count} {unit}", sign)
    if unit not in CLOCK_UNITS:
        return None
    minutes = (0.5 if count.startswith("half") else number_of(count)) * CLOCK_UNITS[unit]
    at = known.hour * 60 + known.minute + sign * int(minutes)
    return time(at // 60, at % 60) if 0 <= at < _MINUTES_OF_DAY else None
