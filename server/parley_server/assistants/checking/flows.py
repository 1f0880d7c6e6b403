"""Flows that do not lead where they should: states that nothing reaches, that nothing leaves, that go round."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from parley_server.assistants.chart import Chart, WayKind
from parley_server.assistants.checking.findings import Flaw, Severity, listed
from parley_server.core.context import Frame

_Node = TypeVar("_Node")


def check_flows(chart: Chart) -> Iterator[Flaw]:
    """Follows the ways of every flow and sub-conversation."""
    yield from _unreachable(chart)
    yield from _over_at_once(chart)
    yield from _silences(chart)
    yield from _traps(chart)
    yield from _calls_without_end(chart)
    yield from _rounds(chart)


def _unreachable(chart: Chart) -> Iterator[Flaw]:
    # Code can start anything, so that what only it could reach may be meant so.
    severity = Severity.WARNING if chart.has_code else Severity.ERROR
    reached = chart.reachable([chart.start, *(entrance.target for entrance in chart.entrances)])
    unused = [name for name in chart.assistant.machines if all(frame.flow != name for frame in reached)]
    for machine in unused:
        if not chart.has_code:
            yield Flaw(chart.machine_place(machine), "nothing starts it", Severity.WARNING)
        reached |= chart.reachable([chart.initial(machine)])
    for frame in chart.states:
        if frame not in reached:
            yield Flaw(chart.place(frame), "no way leads to this state", severity)


def _over_at_once(chart: Chart) -> Iterator[Flaw]:
    for name, machine in chart.assistant.machines.items():
        state = machine.initial_state
        if state.final and not (state.run or state.handoff) and len(machine.states) > 1:
            place = chart.place(chart.initial(name))
            yield Flaw(place, f"`{name}` is over where it begins: no way leads on from here", Severity.WARNING)


def _silences(chart: Chart) -> Iterator[Flaw]:
    """Where users are left without a word: they have said something, and nothing answers."""
    called = {way.target.flow for way in chart.ways if way.kind is WayKind.CALL}
    called |= {entrance.target.flow for entrance in chart.entrances if entrance.calls}
    for frame, state in chart.states.items():
        if state.form and not (state.next or state.say or state.generate):
            text = "nothing is said when its form is complete: it has neither `next` nor `say`"
            yield Flaw(chart.place(frame), text, Severity.WARNING)
        speaks = state.say or state.generate or state.run or state.call or state.handoff
        if state.final and frame.flow not in called and not speaks:
            silent = list(dict.fromkeys(way.origin.state for way in chart.ways if way.target == frame and way.silent))
            if silent:
                text = f"the flow is over without a word when {listed(silent)} leads here"
                yield Flaw(chart.place(frame), text, Severity.WARNING)


def _traps(chart: Chart) -> Iterator[Flaw]:
    ending = _ending(chart, through_calls=False)
    for group in _dead_ends(chart, ending):
        if not any(chart.states[frame].form or chart.states[frame].transitions for frame in group):
            continue  # It goes round without waiting, which is a finding of its own.
        others = f"; it only leads to {listed([frame.state for frame in group[1:]])}" if len(group) > 1 else ""
        yield Flaw(chart.place(group[0]), f"no way from here reaches a final state{others}")


def _dead_ends(chart: Chart, ending: frozenset[Frame]) -> Iterator[Sequence[Frame]]:
    """The groups of states that lead to one another and never to an end, each in the order of the definition."""
    seen: set[Frame] = set()
    reached = {frame: chart.reachable([frame]) - ending for frame in chart.states if frame not in ending}
    for frame, group in reached.items():
        if frame not in seen and all(frame in reached[other] for other in group):
            seen |= group
            yield [other for other in chart.states if other in group]


def _ending(chart: Chart, *, through_calls: bool) -> frozenset[Frame]:
    """The states from which a conversation can reach an end of its flow.

    Args:
        chart: The chart.
        through_calls: Whether what a state calls has to end, before the state can go on.
    """
    escapes = chart.reacts_by_code or chart.hands_off
    ending: set[Frame] = set()
    before = -1
    while before < len(ending):
        before = len(ending)
        escapes = escapes or any(entrance.target in ending for entrance in chart.entrances if not entrance.calls)
        # Ends mostly stand last, so that few rounds are needed backwards.
        for frame in reversed(chart.states):
            if frame not in ending and _can_end(chart, frame, ending, escapes=escapes, through_calls=through_calls):
                ending.add(frame)
    return frozenset(ending)


def _can_end(chart: Chart, frame: Frame, ending: set[Frame], *, escapes: bool, through_calls: bool) -> bool:
    state = chart.states[frame]
    ways = chart.ways_from(frame)
    if through_calls and any(way.kind is WayKind.CALL and way.target not in ending for way in ways):
        return False
    if state.final or state.run or state.handoff or (escapes and (state.form or state.transitions)):
        return True
    if any(way.kind is WayKind.HANDOFF for way in ways):
        return True
    return any(way.kind is not WayKind.CALL and way.target in ending for way in ways)


def _calls_without_end(chart: Chart) -> Iterator[Flaw]:
    ending, alone = _ending(chart, through_calls=True), _ending(chart, through_calls=False)
    stuck = [
        way
        for way in chart.ways
        if way.kind is WayKind.CALL and way.target not in ending and {way.origin, way.target} <= alone
    ]
    calls: dict[str, str] = {}
    for way in stuck:
        calls.setdefault(way.origin.flow, way.target.flow)
    told: set[str] = set()
    for way in stuck:
        round_trip = _round(way.origin.flow, calls)
        if round_trip and not told & {*round_trip}:
            told |= {*round_trip}
            names = " → ".join([*round_trip, round_trip[0]])
            yield Flaw(way.place, f"the calls go round, and none of them can end: {names}")


def _rounds(chart: Chart) -> Iterator[Flaw]:
    onward = {frame: target for frame in chart.states if (target := _goes_on_to(chart, frame))}
    told: set[Frame] = set()
    for frame in chart.states:
        states = _round(frame, onward)
        if states and frame not in told and not _asks_again(chart, states):
            told |= {*states}
            names = " → ".join(str(state) for state in [*states, frame])
            yield Flaw(chart.place(frame), f"the states go round without waiting for the user: {names}")


def _goes_on_to(chart: Chart, frame: Frame) -> Frame | None:
    """Where a conversation goes from a state by itself; None: code decides, or what the state calls may wait."""
    state = chart.states[frame]
    if state.run or state.handoff or state.forks:
        return None
    onward = {way.kind: way.target for way in chart.ways_from(frame)}
    called = onward.get(WayKind.CALL)
    if called and any(_waits(chart, inner) for inner in chart.reachable([called])):
        return None
    return onward.get(WayKind.LINK) or onward.get(WayKind.NEXT)


def _waits(chart: Chart, frame: Frame) -> bool:
    state = chart.states[frame]
    return bool(state.form or state.transitions or state.run or state.handoff)


def _asks_again(chart: Chart, states: Sequence[Frame]) -> bool:
    """Whether a form among the states loses on the round a value that it waits for."""
    collected = {name for frame in states if (form := chart.states[frame].form) for name in form.slots}
    cleared = {name for frame in states for name in chart.states[frame].clear}
    definitions = chart.assistant.slots.definitions
    return any(definitions[name].required is True for name in collected & cleared)


def _round(start: _Node, onward: Mapping[_Node, _Node]) -> Sequence[_Node]:
    """The nodes on the way from one back to itself, in order; empty if it does not lead back."""
    passed = {start: None}  # It is an ordered set.
    node = onward.get(start)
    while node is not None and node not in passed:
        passed[node] = None
        node = onward.get(node)
    return list(passed) if node == start else ()
