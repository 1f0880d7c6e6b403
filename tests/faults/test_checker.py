"""The judge itself, on records that are written by hand: each rule is broken once, and is named."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.faults_checker import Rule, violations
from support.faults_echo import Echo, echoes
from support.faults_record import Answer, Call, Kept, KeptTurn, Outcome


def history(*request_ids: str, session: str = "s") -> Kept:
    """A session that took these requests in this order."""
    messages = [f"{session}/{request_id}" for request_id in request_ids]
    known = echoes(messages)
    turns = tuple(
        KeptTurn(turn=number, request_id=request_id, message=message, reply=known[number].reply(message))
        for number, (request_id, message) in enumerate(zip(request_ids, messages, strict=True), 1)
    )
    return Kept(turn_count=len(turns), known=known[-1], turns=turns)


def call(request_id: str, outcome: Outcome = Outcome.OK, *, at: float = 0, kept: Kept | None = None) -> Call:
    """A call that lasted a second, and was answered as the history has it."""
    answer = None
    if outcome is Outcome.OK and kept:
        turn = next(turn for turn in kept.turns if turn.request_id == request_id)
        known = echoes(turn.message for turn in kept.turns)[turn.turn]
        answer = Answer(reply=turn.reply, turn=turn.turn, replayed=False, turn_count=turn.turn, known=known)
    return Call(
        session="s",
        request_id=request_id,
        message=f"s/{request_id}",
        began=at,
        ended=at + 1,
        outcome=outcome,
        answer=answer,
    )


def rules(calls: list[Call], kept: Kept) -> set[Rule]:
    return {violation.rule for violation in violations(calls, {"s": kept})}


def with_turn(kept: Kept, number: int, **fields: Any) -> Kept:
    """The same session with one turn altered."""
    return replace(kept, turns=tuple(replace(t, **fields) if t.turn == number else t for t in kept.turns))


AB = history("a", "b")
CALLS = [call("a", at=0, kept=AB), call("b", at=2, kept=AB)]


def test_what_was_kept_as_it_was_answered_breaks_no_rule() -> None:
    assert rules(CALLS, AB) == set()


@pytest.mark.parametrize(
    ("calls", "kept", "broken"),
    [
        pytest.param(CALLS, history("a"), {Rule.LOST}, id="an answered turn is gone"),
        pytest.param(CALLS, Kept(), {Rule.LOST}, id="the session is gone"),
        pytest.param(CALLS, history("a", "b", "a"), {Rule.DOUBLED, Rule.ORDER}, id="a request was applied twice"),
        pytest.param([CALLS[0], call("b", Outcome.FAILED)], AB, {Rule.NOT_REFUSED}, id="a refused request was applied"),
        pytest.param(CALLS[:1], AB, {Rule.FOREIGN}, id="nobody sent a turn"),
        pytest.param(CALLS, with_turn(AB, 2, turn=3), {Rule.NUMBERING, Rule.ALTERED}, id="a number is left out"),
        pytest.param(CALLS, replace(AB, turn_count=3), {Rule.NUMBERING}, id="the count is not that of the turns"),
        pytest.param(CALLS, with_turn(AB, 2, reply="s/b #2 other"), {Rule.ALTERED, Rule.MIXED}, id="another reply"),
        pytest.param(CALLS, replace(AB, known=AB.known.heard("x")), {Rule.STATE}, id="the state is ahead"),
        pytest.param(CALLS, replace(AB, known=Echo()), {Rule.STATE}, id="the state is behind"),
        pytest.param(
            [call("a", at=2, kept=AB), call("b", at=0, kept=AB)], AB, {Rule.ORDER}, id="a later call stands before"
        ),
    ],
)
def test_each_broken_rule_is_named(calls: list[Call], kept: Kept, broken: set[Rule]) -> None:
    assert rules(calls, kept) == broken


def test_a_message_of_another_session_is_foreign() -> None:
    mixed = with_turn(AB, 2, message="t/b")

    assert Rule.FOREIGN in rules(CALLS, mixed)


def test_a_session_that_nobody_spoke_to_must_be_empty() -> None:
    assert {v.rule for v in violations([], {"s": history("a")})} == {Rule.FOREIGN}
    assert violations([], {"s": Kept()}) == []


@pytest.mark.parametrize("applied", [True, False])
def test_a_request_of_unknown_outcome_may_have_been_applied_or_not(applied: bool) -> None:
    assert rules([*CALLS[:1], call("b", Outcome.UNKNOWN, at=2)], AB if applied else history("a")) == set()


def test_a_request_of_unknown_outcome_is_there_once_its_repeat_was_answered() -> None:
    repeated = [CALLS[0], call("b", Outcome.UNKNOWN, at=2), call("b", at=4, kept=AB)]

    assert rules(repeated, AB) == set()
    assert rules(repeated, history("a")) == {Rule.LOST}


def test_a_refusal_after_an_unknown_outcome_proves_nothing() -> None:
    assert rules([CALLS[0], call("b", Outcome.UNKNOWN, at=2), call("b", Outcome.FAILED, at=4)], AB) == set()


def test_two_answers_to_one_request_must_be_the_same() -> None:
    other = replace(CALLS[1], answer=replace(CALLS[1].answer, reply="s/b #2 other"))  # type: ignore[type-var]

    assert rules([*CALLS, other], AB) == {Rule.ALTERED}


def test_a_reply_that_answers_another_message_is_mixed() -> None:
    other = replace(CALLS[1], answer=replace(CALLS[1].answer, reply=CALLS[0].answer.reply))  # type: ignore[type-var,union-attr]

    assert rules([CALLS[0], other], AB) == {Rule.ALTERED, Rule.MIXED}


def test_a_turn_of_unknown_outcome_may_stand_before_a_turn_that_was_sent_later() -> None:
    kept = history("b", "a")

    assert rules([call("a", Outcome.UNKNOWN, at=0), call("b", at=5, kept=kept)], kept) == set()


def test_a_turn_of_unknown_outcome_may_not_stand_before_what_was_answered_before_it_was_sent() -> None:
    kept = history("b", "a")

    assert rules([call("a", at=0, kept=kept), call("b", Outcome.UNKNOWN, at=5)], kept) == {Rule.ORDER}


@given(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), st.data())
def test_no_turn_can_be_taken_from_a_history_unseen(request_ids: list[str], data: st.DataObject) -> None:
    kept = history(*request_ids)
    calls = [call(request_id, at=2 * place, kept=kept) for place, request_id in enumerate(request_ids)]
    gone = data.draw(st.sampled_from(request_ids))

    assert rules(calls, kept) == set()
    assert Rule.LOST in rules(calls, history(*(name for name in request_ids if name != gone)))
