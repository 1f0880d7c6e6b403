"""Values: which slots have one at each state, by every path or by some.

What counts as filling a slot is a form that collects it, an assignment, a call's input or output, and code, which can
fill any. A slot that nothing in the definition fills is taken to come from callers, or from what users say unasked.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from parley_server.assistants.chart import Chart, Way, WayKind
from parley_server.core.conditions import CHANGE
from parley_server.core.context import Frame
from parley_server.core.flow import DialogState
from parley_server.core.slots import GiveUp

_PRESENT = re.compile(r"has\(slots\.(\w+)\)")
_ABSENT = re.compile(r"!has\(slots\.(\w+)\)")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known at a point of a conversation."""

    surely: frozenset[str]
    """Slots that every path has filled."""
    maybe: frozenset[str]
    """Slots that some path has filled."""

    def __or__(self, other: "Known") -> "Known":
        """What is known where two paths meet."""
        return Known(self.surely & other.surely, self.maybe | other.maybe)

    def filled(self, surely: Iterable[str], maybe: Iterable[str] = ()) -> "Known":
        """With more slots filled."""
        surely = frozenset(surely)
        return Known(self.surely | surely, self.maybe | surely | frozenset(maybe))

    def cleared(self, names: Iterable[str]) -> "Known":
        """Without the values of these slots."""
        return Known(self.surely - frozenset(names), self.maybe - frozenset(names))


class Values:
    """What is known at each state, followed along all paths until nothing more is found."""

    def __init__(self, chart: Chart) -> None:
        """Follows the paths of a chart."""
        self.chart = chart
        self._all = frozenset(chart.assistant.slots.definitions)
        self.internal = self._all.difference(chart.assistant.slots.heard)
        """The slots that no user fills or takes back."""
        self._entering: dict[Frame, Known] = {}
        self._nothing = Known(frozenset(), self._all if chart.reacts_by_code else self._from_aside())
        self._enter(chart.start, self._nothing)
        while self._spread():
            pass

    @property
    def anywhere(self) -> Known:
        """What is known where a conversation waits, wherever that is."""
        known = [self.asked(frame) for frame in self._entering if self.waits(frame)]
        return reduce(or_, known) if known else self._nothing

    def reached(self, frame: Frame) -> bool:
        """Whether any path leads to a state."""
        return frame in self._entering

    def waits(self, frame: Frame) -> bool:
        """Whether a conversation may wait at a state."""
        state = self.chart.states[frame]
        over = state.final and frame.flow in self.chart.assistant.flows
        return bool(state.form or state.transitions or state.handoff or over) and self.returns(frame)

    def said(self, frame: Frame, entering: Known | None = None) -> Known:
        """What is known when a state says its text.

        Args:
            frame: The state.
            entering: What is known when a conversation comes there; None: what all paths know. So for what follows.
        """
        state = self.chart.states[frame]
        known = self._entering[frame] if entering is None else entering
        return known.cleared(state.clear).filled(state.assign)

    def asked(self, frame: Frame, entering: Known | None = None) -> Known:
        """What is known when a state waits: after its code has run, and what it calls has handed back."""
        state = self.chart.states[frame]
        known = self.said(frame, entering)
        if state.run:
            known = known.filled((), self._all)
        if state.call:
            known = self._handed_back(frame, known.filled(state.call.inputs)).filled(state.call.outputs)
        return known.filled((), state.form.slots if state.form else ())

    def complete(self, frame: Frame, entering: Known | None = None) -> Known:
        """What is known when a state's form is complete."""
        return self.asked(frame, entering).filled(self._collected_surely(self.chart.states[frame]))

    def _collected_surely(self, state: DialogState) -> Iterator[str]:
        definitions = self.chart.assistant.slots.definitions
        for name in state.form.slots if state.form else ():
            slot = definitions[name]
            if slot.default is not None or (slot.required is True and slot.give_up is not GiveUp.SKIP):
                yield name

    def _spread(self) -> bool:
        """Carries what is known further; False: nothing has changed."""
        before, anywhere = dict(self._entering), self.anywhere
        # There and back again: ways mostly lead on or back in the order of the file, so that few rounds are needed.
        for way in (*self.chart.ways, *reversed(self.chart.ways)):
            if way.origin in self._entering and (way.kind is WayKind.CALL or self.returns(way.origin)):
                self._enter(way.target, self.along(way))
        for entrance in self.chart.entrances:
            self._enter(entrance.target, anywhere.cleared(entrance.clear))
        return self._entering != before

    def along(self, way: Way, entering: Known | None = None) -> Known:
        """What is known at the end of a way."""
        if way.kind is WayKind.NEXT:
            return self.complete(way.origin, entering).filled(self._present(way))
        if way.kind is WayKind.CALL:
            call = self.chart.states[way.origin].call
            return self.said(way.origin, entering).filled(call.inputs if call else ())
        known = self.asked(way.origin, entering)
        if way.label == CHANGE.name:
            # A change may be that a value was taken back.
            known = Known(known.surely & self.internal, known.maybe)
        return known.filled(self._present(way)).cleared(way.clear)

    def _present(self, way: Way) -> Iterator[str]:
        """The slots that have a value: the way is taken where they have one, or one before it where they have none."""
        if present := _PRESENT.fullmatch("".join(way.label.split())):
            yield present[1]
        for earlier in self.chart.ways_from(way.origin):
            if earlier == way:
                return
            if earlier.kind is way.kind and (absent := _ABSENT.fullmatch("".join(earlier.label.split()))):
                yield absent[1]

    def _enter(self, frame: Frame, known: Known) -> None:
        entering = self._entering.get(frame)
        self._entering[frame] = entering | known if entering else known

    def returns(self, frame: Frame) -> bool:
        """Whether what a state calls is known to hand back, if it calls anything."""
        return not self._called(frame) or bool(self._ends(frame))

    def _called(self, frame: Frame) -> Sequence[Frame]:
        return [way.target for way in self.chart.ways_from(frame) if way.kind is WayKind.CALL]

    def _ends(self, frame: Frame) -> Sequence[Known]:
        """What is known at each end of what a state calls."""
        inner = self.chart.reachable(self._called(frame), into_calls=False)
        return [self.said(f) for f in inner if self.chart.states[f].final and f in self._entering]

    def _handed_back(self, frame: Frame, known: Known) -> Known:
        """What is known after a call: what was known before and was not cleared, and what all its ends know."""
        ends = self._ends(frame)
        if not ends:
            return known
        after = reduce(or_, ends)
        cleared = self._cleared_in(self.chart.reachable(self._called(frame)))
        return Known((known.surely - cleared) | after.surely, known.maybe | after.maybe)

    def _cleared_in(self, frames: Iterable[Frame]) -> frozenset[str]:
        """The slots that may lose their value in some states, on their ways, or at the end of their flows."""
        slots = self.chart.assistant.slots.definitions
        cleared = set[str]()
        for frame in frames:
            form = self.chart.states[frame].form
            cleared |= {name for name in form.slots if not slots[name].keep} if form else set()
            cleared.update(self.chart.states[frame].clear, *(way.clear for way in self.chart.ways_from(frame)))
        return frozenset(cleared)

    def _from_aside(self) -> frozenset[str]:
        """The slots that may have a value anywhere: no path leads to them, or one that may be taken at any time."""
        called = [entrance.target for entrance in self.chart.entrances if entrance.calls]
        aside = self.chart.reachable(called)
        anywhere, elsewhere = set[str](), set[str]()
        for frame, state in self.chart.states.items():
            filled = anywhere if frame in aside else elsewhere
            filled |= {*state.assign, *(state.form.slots if state.form else ())}
            filled |= {*state.call.inputs, *state.call.outputs} if state.call else set()
        return frozenset(anywhere | (self._all - elsewhere))
