"""Telling: what those who listen to a turn hear, in order, and each thing once.

A turn that no model writes is told when it is durable, whole. What a model writes is told as it comes.
"""

from collections.abc import Sequence

from parley_server.core.context import StateChange, Turn
from parley_server.core.decision import Decision
from parley_server.core.explanation import ExplanationStep
from parley_server.core.slots import SlotsChange
from parley_server.service.events import ChatEvent, SessionView, TextDelta, TurnCompleted, TurnStarted
from parley_server.service.running import RunningTurn


class Telling:
    """What is told of one turn."""

    def __init__(self, running: RunningTurn) -> None:
        """Takes the turn that is listened to."""
        self._running = running
        self._begun = False
        self._slots = SlotsChange()
        self._moves = 0
        self._reply = ""

    def progress(self, so_far: Decision, reply: str) -> None:
        """Tells what a turn has come to so far, and its reply so far; either may yet be taken back."""
        context = so_far.context
        number = context.turn_count + 1
        news = self._news(context.session_id, number, so_far.slots_changed, so_far.state_changed, reply)
        if news:
            self._running.emit(*news)

    def complete(
        self,
        turn: Turn,
        session: SessionView,
        *,
        replayed: bool = False,
        explanation: tuple[ExplanationStep, ...] = (),
    ) -> None:
        """Tells the rest of a turn that is durable, and that it is."""
        news = self._news(session.context.session_id, turn.turn, turn.slots_changed, turn.state_changed, turn.reply)
        completed = TurnCompleted(
            reply=turn.reply,
            session=session,
            replayed=replayed,
            degraded=turn.degraded,
            usage=turn.usage,
            explanation=explanation,
        )
        self._running.emit(*news, completed)

    def _news(
        self, session_id: str, number: int, slots: SlotsChange, moves: Sequence[StateChange], reply: str
    ) -> list[ChatEvent]:
        events: list[ChatEvent] = []
        if not self._begun:
            self._begun = True
            events.append(TurnStarted(session_id=session_id, turn=number, created=number == 1))
        if slots != self._slots:
            events.append(_since(self._slots, slots))
            self._slots = slots
        events += moves[self._moves :]
        self._moves = len(moves)
        if reply != self._reply:
            kept = _common_start(self._reply, reply)
            events.append(TextDelta(reply[kept:], kept))
            self._reply = reply
        return events


def _common_start(told: str, reply: str) -> int:
    """How much of what was told of a reply still stands."""
    if reply.startswith(told):
        return len(told)
    return next((n for n, (one, other) in enumerate(zip(told, reply, strict=False)) if one != other), len(reply))


def _since(told: SlotsChange, change: SlotsChange) -> SlotsChange:
    """What a change of the slots has come to since it was told last."""
    gone = [name for name in told.filled if name not in change.filled and name not in change.cleared]
    return SlotsChange(
        filled={name: value for name, value in change.filled.items() if told.filled.get(name) != value},
        cleared=(*(name for name in change.cleared if name not in told.cleared), *gone),
        rejected=change.rejected[len(told.rejected) :],
    )
