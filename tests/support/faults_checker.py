"""The judge: compares what callers saw with what the store kept, and names every turn that was lost, doubled or mixed.

Pure functions over plain data. This module must not know servers, stores or how a record came about.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from support.faults_echo import Echo, echoes
from support.faults_record import Answer, Call, Kept, KeptTurn, Outcome


class Rule(Enum):
    """What may not be."""

    LOST = "a turn that was answered is not in the history"
    DOUBLED = "a request is in the history more than once"
    NOT_REFUSED = "a request whose every call left no trace, as callers were told, is in the history"
    FOREIGN = "a turn is in the history that nobody sent to this session"
    NUMBERING = "the turns are not numbered from 1 without a gap, up to the session's count"
    ALTERED = "an answer and the history tell different replies or numbers of one turn"
    MIXED = "a reply does not follow from the messages before it"
    STATE = "the session's state does not follow from its history"
    ORDER = "a turn was answered before another one was sent, and stands after it"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and where."""

    rule: Rule
    session: str
    request_id: str = ""
    found: str = ""


def violations(calls: Iterable[Call], kept: Mapping[str, Kept]) -> list[Violation]:
    """Names every broken rule; an empty list is a proof that no turn was lost, doubled or mixed."""
    by_session: dict[str, list[Call]] = {session: [] for session in kept}
    for call in calls:
        by_session.setdefault(call.session, []).append(call)
    found: list[Violation] = []
    for session, its_calls in by_session.items():
        case = _Case(session, its_calls, kept.get(session, Kept()))
        for judge in _JUDGES:
            found += judge(case)
    return found


class _Case:
    """One session: what was sent to it and what it kept."""

    def __init__(self, session: str, calls: list[Call], kept: Kept) -> None:
        self.session = session
        self.kept = kept
        self.requests: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            self.requests[call.request_id].append(call)
        self.turns: dict[str, list[KeptTurn]] = defaultdict(list)
        for turn in kept.turns:
            self.turns[turn.request_id].append(turn)

    @cached_property
    def known(self) -> list[Echo]:
        """What the assistant must have known after each turn of the history, and before the first."""
        return echoes(turn.message for turn in self.kept.turns)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        for request_id, calls in self.requests.items():
            for call in calls:
                if call.answer:
                    yield request_id, call.answer

    def broken(self, rule: Rule, request_id: str = "", found: object = "") -> Violation:
        return Violation(rule, self.session, request_id, str(found))


def _lost(case: _Case) -> Iterator[Violation]:
    for request_id, calls in case.requests.items():
        if request_id not in case.turns and any(call.outcome is Outcome.OK for call in calls):
            yield case.broken(Rule.LOST, request_id, f"{len(case.kept.turns)} turns are kept")


def _doubled(case: _Case) -> Iterator[Violation]:
    for request_id, turns in case.turns.items():
        if len(turns) > 1:
            yield case.broken(Rule.DOUBLED, request_id, f"turns {[turn.turn for turn in turns]}")


def _not_refused(case: _Case) -> Iterator[Violation]:
    for request_id, calls in case.requests.items():
        if request_id in case.turns and all(call.outcome is Outcome.FAILED for call in calls):
            yield case.broken(Rule.NOT_REFUSED, request_id, [call.error for call in calls])


def _foreign(case: _Case) -> Iterator[Violation]:
    for turn in case.kept.turns:
        if turn.message not in {call.message for call in case.requests.get(turn.request_id, ())}:
            yield case.broken(Rule.FOREIGN, turn.request_id, turn.message)


def _numbering(case: _Case) -> Iterator[Violation]:
    numbers = [turn.turn for turn in case.kept.turns]
    if numbers != list(range(1, case.kept.turn_count + 1)):
        yield case.broken(Rule.NUMBERING, found=f"turn_count {case.kept.turn_count}, turns {numbers}")


def _altered(case: _Case) -> Iterator[Violation]:
    for request_id, answer in case.answers():
        told = (answer.turn, answer.reply)
        kept = [(turn.turn, turn.reply) for turn in case.turns.get(request_id, ())]
        if kept and told not in kept:
            yield case.broken(Rule.ALTERED, request_id, f"told {told}, kept {kept}")


def _mixed(case: _Case) -> Iterator[Violation]:
    for turn, known in zip(case.kept.turns, case.known[1:], strict=True):
        if turn.reply != known.reply(turn.message):
            yield case.broken(Rule.MIXED, turn.request_id, turn.reply)
    for request_id, answer in case.answers():
        if not answer.reply.startswith(f"{case.requests[request_id][0].message} #"):
            yield case.broken(Rule.MIXED, request_id, answer.reply)


def _state(case: _Case) -> Iterator[Violation]:
    if case.kept.known != case.known[-1]:
        yield case.broken(Rule.STATE, found=f"{case.kept.known}, and by the history {case.known[-1]}")
    for request_id, answer in case.answers():
        in_range = answer.turn_count < len(case.known)
        # A session that stands beyond its history is told of by LOST or NUMBERING.
        if in_range and answer.known != case.known[answer.turn_count]:
            yield case.broken(Rule.STATE, request_id, f"answered {answer.known} at {answer.turn_count} turns")


def _order(case: _Case) -> Iterator[Violation]:
    first_answered = float("inf")
    for turn in reversed(case.kept.turns):
        calls = case.requests.get(turn.request_id)
        if not calls:
            continue
        if min(call.began for call in calls) > first_answered:
            yield case.broken(Rule.ORDER, turn.request_id, f"turn {turn.turn}")
        answered = [call.ended for call in calls if call.outcome is Outcome.OK]
        first_answered = min([first_answered, *answered])


_JUDGES: tuple[Callable[[_Case], Iterator[Violation]], ...] = (
    _lost,
    _doubled,
    _not_refused,
    _foreign,
    _numbering,
    _altered,
    _mixed,
    _state,
    _order,
)
