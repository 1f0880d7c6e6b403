"""The chart of an assistant: its states, the ways between them, and the entrances that lead into them from anywhere.

It is what checks, pictures and coverage are made of. It must not know how any of them look.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from parley_server.assistants.parts import Path
from parley_server.core.assistant import Assistant
from parley_server.core.context import Frame
from parley_server.core.flow import DialogState
from parley_server.core.reactions import Handler, Reaction


class WayKind(StrEnum):
    """How a conversation goes from one state to another."""

    ON = "on"
    """By a transition, whose condition a message fulfils."""
    NEXT = "next"
    """By itself, when nothing is left to wait for, and a condition holds if it has one."""
    CALL = "call"
    """Into a flow or sub-conversation that hands back."""
    LINK = "link"
    """Into a flow that does not hand back."""
    EXPIRED = "expired"
    """Since the user did not answer for too long."""
    HANDOFF = "handoff"
    """To somebody else, and back to where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way from one state to another."""

    origin: Frame
    target: Frame
    kind: WayKind
    label: str = ""
    """The condition of a transition or of a way on, or how long the state waits; else empty."""
    clear: tuple[str, ...] = ()
    """Slots that lose their value on the way."""
    silent: bool = False
    """Whether it answers a message and says nothing."""
    place: Path
    """Where the definition names the target."""

    def __str__(self) -> str:
        return f"{self.origin} → {self.goal} ({self.label or self.kind})"

    @property
    def goal(self) -> str:
        """Where it leads, in words."""
        return "handoff" if self.kind is WayKind.HANDOFF else str(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """A way that an intent or a branch opens, wherever the conversation waits."""

    opener: str
    """`intent` or `branch`."""
    name: str
    """Of the intent or branch."""
    target: Frame
    calls: bool
    """Whether what is interrupted goes on afterwards."""
    clear: frozenset[str] = frozenset()
    """Slots that lose their value on the way."""


class Chart:
    """The states of an assistant and the ways between them. What names no state of the assistant leads nowhere."""

    def __init__(self, assistant: Assistant) -> None:
        """Takes the assistant; a defective one will do."""
        self.assistant = assistant
        self.states: dict[Frame, DialogState] = {
            Frame(machine.name, state.name): state
            for machine in assistant.machines.values()
            for state in machine.states.values()
        }
        self.ways: Sequence[Way] = tuple(
            way for frame in self.states for way in self._ways(frame) if way.target in self.states
        )
        self._ways_from: dict[Frame, list[Way]] = {frame: [] for frame in self.states}
        for way in self.ways:
            self._ways_from[way.origin].append(way)
        self.entrances: Sequence[Entrance] = tuple(
            entrance
            for opener, name, handler in self._handlers()
            for entrance in self._entrances(opener, name, handler)
            if entrance.target in self.states
        )

    @property
    def start(self) -> Frame:
        """Where a conversation begins."""
        return self.initial(self.assistant.initial_flow)

    @property
    def handing_off(self) -> Sequence[Frame]:
        """The states that give the conversation to somebody else, by themselves or by a way out."""
        ways = {way.origin for way in self.ways if way.kind is WayKind.HANDOFF}
        return [frame for frame, state in self.states.items() if state.handoff or frame in ways]

    @property
    def hands_off(self) -> bool:
        """Whether an intent or a branch gives the conversation to somebody else."""
        return any(isinstance(handler, Reaction) and handler.handoff for _, _, handler in self._handlers())

    @property
    def reacts_by_code(self) -> bool:
        """Whether an intent or a branch runs code, which can move a conversation anywhere."""
        return any(not isinstance(handler, Reaction) for _, _, handler in self._handlers())

    @property
    def has_code(self) -> bool:
        """Whether any part of the assistant runs code that can move a conversation and fill slots."""
        return self.reacts_by_code or any(state.run for state in self.states.values())

    def initial(self, machine: str) -> Frame:
        """Where a flow or sub-conversation begins."""
        return Frame(machine, self.assistant.machines[machine].initial_state.name)

    def ways_from(self, frame: Frame) -> Sequence[Way]:
        """The ways out of a state, in the order of the definition."""
        return self._ways_from[frame]

    def place(self, frame: Frame) -> Path:
        """Where a state is defined."""
        return (*self.machine_place(frame.flow), "states", frame.state)

    def machine_place(self, machine: str) -> Path:
        """Where a flow or sub-conversation is defined."""
        return ("flows" if machine in self.assistant.flows else "sub_conversations", machine)

    def reachable(self, roots: Iterable[Frame], *, into_calls: bool = True) -> frozenset[Frame]:
        """The states that some way leads to from any of these, which are among them.

        Args:
            roots: Where to begin.
            into_calls: Whether to follow calls.
        """
        found = set(roots)
        waiting = list(found)
        while waiting:
            ways = self.ways_from(waiting.pop())
            targets = {way.target for way in ways if into_calls or way.kind is not WayKind.CALL} - found
            found |= targets
            waiting += targets
        return frozenset(found)

    def _ways(self, frame: Frame) -> Iterator[Way]:
        state, place = self.states[frame], self.place(frame)
        for index, transition in enumerate(state.transitions):
            yield Way(
                origin=frame,
                target=Frame(frame.flow, transition.to or frame.state),
                kind=WayKind.ON if transition.to else WayKind.HANDOFF,
                label=transition.when.name,
                clear=transition.clear,
                silent=not transition.say,
                place=(*place, "on", index),
            )
        if state.call and state.call.flow in self.assistant.machines:
            target = self.initial(state.call.flow)
            yield Way(origin=frame, target=target, kind=WayKind.CALL, place=(*place, "call"))
        if state.link:
            yield Way(origin=frame, target=self._find(state.link), kind=WayKind.LINK, place=(*place, "link"))
        if state.expires_after:
            target = Frame(frame.flow, state.expired)
            waited = _in_words(state.expires_after)
            yield Way(origin=frame, target=target, kind=WayKind.EXPIRED, label=waited, place=(*place, "expired"))
        for index, fork in enumerate(state.forks):
            target, there = Frame(frame.flow, fork.to), (*place, "next", index)
            yield Way(origin=frame, target=target, kind=WayKind.NEXT, label=fork.when.name, place=there)
        yield Way(origin=frame, target=Frame(frame.flow, state.next), kind=WayKind.NEXT, place=(*place, "next"))

    def _handlers(self) -> Iterator[tuple[str, str, Handler]]:
        for intent in self.assistant.router.intents.values():
            if intent.handler:
                yield "intent", intent.name, intent.handler
        for branch in self.assistant.branches.branches:
            yield "branch", branch.name, branch.handler

    def _entrances(self, opener: str, name: str, handler: Handler) -> Iterator[Entrance]:
        if not isinstance(handler, Reaction):
            return
        targets = [self._find(handler.start or handler.call)] if handler.start or handler.call else []
        if handler.to:
            targets = [Frame(machine, handler.to) for machine in self.assistant.machines]
        for target in targets:
            machine = self.assistant.machines.get(target.flow) if handler.start else None
            yield Entrance(
                opener=opener,
                name=name,
                target=target,
                calls=bool(handler.call),
                clear=frozenset(handler.clear) | (machine.slots if machine else frozenset()),
            )

    def _find(self, place: str) -> Frame:
        name, _, state = place.partition("/")
        if state or name not in self.assistant.machines:
            return Frame(name, state)
        return self.initial(name)


def _in_words(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
