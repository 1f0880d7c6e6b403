"""Slots that are read where no path, or not every path, has filled them."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from parley_server.assistants.chart import Chart
from parley_server.assistants.checking.findings import Flaw, Severity
from parley_server.assistants.checking.paths import Paths
from parley_server.assistants.checking.readings import Reading, part, readings
from parley_server.assistants.checking.values import Known, Values
from parley_server.assistants.parts import Path
from parley_server.core.conditions import ALWAYS, CHANGE, INPUT
from parley_server.core.context import Frame


def check_values(chart: Chart, root: Mapping[str, object]) -> Iterator[Flaw]:
    """Compares what each text and expression reads with what is known where it is used.

    Args:
        chart: The chart of the definition.
        root: The definition as it was read from its file.
    """
    values = Values(chart)
    paths = Paths(values)
    for frame in chart.states:
        if values.reached(frame):
            yield from _state_flaws(values, paths, frame, root)
    for section in ("intents", "branches", "fallback", "texts"):
        for reading in readings(root.get(section), (section,)):
            yield from _flaws(reading, values.anywhere, paths.to_where_it_waits)


def _state_flaws(values: Values, paths: Paths, frame: Frame, root: Mapping[str, object]) -> Iterator[Flaw]:
    place = values.chart.place(frame)
    path = partial(paths.to, frame)
    for reading in readings(part(root, place), place):
        yield from _flaws(reading, _known_at(values, frame, reading.place[len(place) :]), path)
        if reading.place == (*place, "say") and _repeats_after_change(values.chart, frame):
            for name in sorted((reading.slots & values.said(frame).surely) - values.internal):
                text = f"`slots.{name}` has no value here when the user takes it back, and no way leads out on `change`"
                yield Flaw(reading.place, text, Severity.WARNING)
    known = values.asked(frame)
    form = values.chart.states[frame].form
    for name in form.slots if form else ():
        slot = ("slots", name)
        for reading in readings(part(root, slot), slot):
            if reading.place[2] != "validate":
                there = known.filled([name]) if reading.place[2] == "confirm" else known
                yield from _flaws(reading, there, path, f" when `{frame}` asks for it")
        if name in values.complete(frame).surely:
            # A form asks in order, so that the next slot's question may name this one.
            known = known.filled([name])


def _known_at(values: Values, frame: Frame, key: Path) -> Known:
    """What is known where a key of a state is read."""
    if key[0] == "next":
        return values.complete(frame)
    return values.asked(frame) if key[0] == "on" or "outputs" in key else values.said(frame)


def _repeats_after_change(chart: Chart, frame: Frame) -> bool:
    """Whether a state says its text again, as its question, when a user has taken back a value that it names."""
    state = chart.states[frame]
    leaving = {transition.when for transition in state.transitions}
    asks = bool(leaving) and not state.form and frame.flow in chart.assistant.flows
    return asks and leaving.isdisjoint({CHANGE, INPUT, ALWAYS})


def _flaws(reading: Reading, known: Known, path: Callable[[str], str], when: str = "") -> Iterator[Flaw]:
    for name in sorted(reading.slots - known.maybe):
        yield Flaw(reading.place, f"no path has filled `slots.{name}` here{when}")
    if not reading.expression:
        for name in sorted((reading.slots & known.maybe) - known.surely):
            yield Flaw(reading.place, f"`slots.{name}` may have no value here{when}{path(name)}", Severity.WARNING)
