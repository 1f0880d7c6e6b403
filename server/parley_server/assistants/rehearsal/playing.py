"""Playing: holds the conversations of a script, with a clock that moves only as the script says."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol, TypeVar

from msgspec.structs import replace

from parley_server.assistants.chart import Chart, WayKind
from parley_server.assistants.coverage import Coverage
from parley_server.assistants.parts import Path
from parley_server.assistants.rehearsal.comparing import Mismatch, compare
from parley_server.assistants.rehearsal.script import ConversationModel, Script, TurnModel
from parley_server.core.assistant import Assistant
from parley_server.core.context import ConversationContext, Turn
from parley_server.core.decision import Decision
from parley_server.core.effects import Steps
from parley_server.core.slots import SlotValue
from parley_server.core.turn import decide
from parley_server.errors import AssistantFailed

_T = TypeVar("_T")

_STEPS = {WayKind.ON: "transition", WayKind.HANDOFF: "transition", WayKind.NEXT: "next"}
"""What an explanation calls the ways that have a condition."""


class Taker(Protocol):
    """Takes a turn, or what else is decided in steps, to its end: has messages understood, and an author's code run."""

    async def __call__(self, course: Steps[_T], /) -> _T:
        """Gives what comes of it.

        Raises:
            AssistantFailed: It can not be taken.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The first turn of a conversation that did not go as expected."""

    number: int
    """Of the turn, from 1."""
    user: str
    place: Path
    """Where the turn stands in the script."""
    mismatches: Sequence[Mismatch] = ()
    error: str = ""
    """Why the turn could not be taken at all; empty: it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a conversation went."""

    conversation: str
    failure: Failure | None
    """None: everything was as expected."""
    coverage: Coverage
    taken: timedelta
    """How long it took."""


async def play_script(script: Script, take: Taker) -> Sequence[Outcome]:
    """Holds the conversations of a script, all at once, each up to its first failure."""
    conversations = enumerate(script.model.conversations)
    return await asyncio.gather(*(_play(script, index, conversation, take) for index, conversation in conversations))


async def _play(script: Script, index: int, conversation: ConversationModel, take: Taker) -> Outcome:
    begun = perf_counter()
    coverage, failure = Coverage(), None
    context = _beginning(script, conversation)
    for number, turn in enumerate(conversation.turns):
        place = ("conversations", index, "turns", number)
        now = context.updated_at + turn.after
        context = context.merge_metadata(turn.metadata)
        try:
            decision = await _take(script.assistant, context, turn, script.given[index][number], take)
        except AssistantFailed as error:
            failure = Failure(
                number=number + 1, user=turn.user, place=place, error=f"{error} at {error.details['state']}"
            )
            break
        coverage.add(went_through(script.chart, decision))
        if mismatches := tuple(compare(turn, decision)):
            failure = Failure(number=number + 1, user=turn.user, place=place, mismatches=mismatches)
            break
        context = _committed(script.assistant, context, turn, decision, now)
    taken = timedelta(seconds=perf_counter() - begun)
    return Outcome(conversation=conversation.name, failure=failure, coverage=coverage, taken=taken)


async def _take(
    assistant: Assistant,
    context: ConversationContext,
    turn: TurnModel,
    given: Mapping[str, SlotValue],
    take: Taker,
) -> Decision:
    now = context.updated_at + turn.after
    refused = await take(assistant.slots.refusals(context, given, now))
    for name, reason in refused.items():
        raise AssistantFailed(f"the caller's value is refused: {reason}", state=f"slots/{name}")
    return await take(
        decide(
            assistant,
            context,
            message=turn.user,
            now=now,
            given=given,
            handed_back=turn.handed_back,
            explain=True,
        )
    )


def _beginning(script: Script, conversation: ConversationModel) -> ConversationContext:
    return ConversationContext(
        session_id=conversation.name,
        assistant=script.assistant.name,
        assistant_version=script.assistant.version,
        created_at=script.now,
        updated_at=script.now,
        metadata=conversation.metadata,
    )


def _committed(
    assistant: Assistant, context: ConversationContext, turn: TurnModel, decision: Decision, now: datetime
) -> ConversationContext:
    """The session after a turn, with as many of the last turns as a server would load."""
    taken = Turn(
        turn=context.turn_count + 1,
        request_id="",
        user_message=turn.user,
        reply=decision.reply,
        slots_changed=decision.slots_changed,
        state_changed=decision.state_changed,
        intent=decision.intent,
        started_at=now,
        completed_at=now,
    )
    recent = (*context.history, taken)[-assistant.recent_turns :] if assistant.recent_turns else ()
    return replace(decision.context, updated_at=now, turn_count=taken.turn, history=recent)


def went_through(chart: Chart, decision: Decision) -> Coverage:
    """The states that a turn entered and the ways that it took."""
    moves = Counter((move.from_state, move.to_state) for move in decision.state_changed)
    taken = {(step.kind, step.name, step.reason) for step in decision.explanation if step.taken}
    timers = {name for kind, name, _ in taken if kind == "timer"}
    coverage = Coverage(states=Counter(to_state for _, to_state in moves.elements()))
    # What a message or a timer did is told; what is left of the moves between two states went by itself.
    for way in sorted(chart.ways, key=lambda way: not way.label):
        move = (str(way.origin), way.goal)
        if way.label and way.kind in _STEPS:
            goal = way.goal.removeprefix(f"{way.origin.flow}/")
            went = (_STEPS[way.kind], f"{way.origin} → {goal}", f"{way.label} holds") in taken
        else:
            went = moves[move] > 0 and (way.kind is not WayKind.EXPIRED or move[0] in timers)
        if went:
            coverage.ways[str(way)] += 1
            moves[move] -= 1
    return coverage
