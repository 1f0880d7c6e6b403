"""Filling slots: what is taken, what is refused, what is missing and asked next."""

from datetime import date, time

import pytest
from support.conversations import NOW, context, settle, understood

from parley_server.core.filling import FormFiller, SlotFiller
from parley_server.core.slots import (
    Candidate,
    Choice,
    Rejection,
    Rule,
    SlotDefinition,
    SlotType,
    SlotValue,
    ValidationScope,
)
from parley_server.core.understanding import Answer, Understanding
from parley_server.errors import AssistantFailed


def not_past(value: SlotValue, known: ValidationScope) -> str | None:
    assert isinstance(value, date)
    return "that day has passed" if value < known.now.date() else None


FILLER = SlotFiller(
    [
        SlotDefinition(
            name="service",
            type=SlotType.CHOICE,
            prompt="Which service?",
            reprompts=("Please choose.", "One of: sales, support."),
            choices=(Choice(name="sales"), Choice(name="support")),
        ),
        SlotDefinition(name="day", type=SlotType.DATE, prompt="Which day?", validators=(not_past,)),
        SlotDefinition(name="at", type=SlotType.TIME),
        SlotDefinition(name="seats", type=SlotType.INTEGER),
        SlotDefinition(name="price", type=SlotType.FLOAT),
        SlotDefinition(name="smoking", type=SlotType.BOOLEAN, required=False),
        SlotDefinition(name="pin", type=SlotType.STRING, required=False, sensitive=True),
    ]
)
FORM = FormFiller(("service", "day", "smoking", "at"), FILLER)
RULES = ValidationScope(slots={}, now=NOW)


@pytest.mark.parametrize(
    ("slot", "value"),
    [
        ("service", "sales"),
        ("day", date(2026, 3, 4)),
        ("at", time(15)),
        ("seats", 2),
        ("price", 2.5),
        ("smoking", False),
        ("pin", "1234"),
    ],
)
def test_a_value_of_the_slots_type_is_taken(slot: str, value: SlotValue) -> None:
    assert settle(FILLER.validate(slot, value, RULES)) is None


@pytest.mark.parametrize(
    ("slot", "value", "reason"),
    [
        ("service", "plumbing", "choose one of: sales, support"),
        ("service", 1, "type choice"),
        ("day", date(2026, 3, 3), "that day has passed"),
        ("day", NOW, "type date"),
        ("day", "2026-03-04", "type date"),
        ("at", "15:00", "type time"),
        ("seats", "two", "type integer"),
        ("seats", True, "type integer"),
        ("seats", 2.0, "type integer"),
        ("price", 2, "type float"),
        ("smoking", "no", "type boolean"),
        ("nope", "x", "no such slot"),
    ],
)
def test_any_other_value_is_refused_with_a_reason(slot: str, value: SlotValue, reason: str) -> None:
    assert reason in (settle(FILLER.validate(slot, value, RULES)) or "")


def test_a_rule_that_raises_is_the_assistants_fault() -> None:
    def broken(value: SlotValue, known: ValidationScope) -> bool:
        raise KeyError(value)

    filler = SlotFiller([SlotDefinition(name="x", type=SlotType.STRING, validators=(Rule(broken, ""),))])

    with pytest.raises(AssistantFailed, match="validator"):
        settle(filler.fill(context(), understood(gives={"x": "a secret"}), NOW))


def test_many_slots_are_filled_from_one_message_and_a_bad_one_does_not_spoil_the_rest() -> None:
    message = understood(gives={"service": "sales", "day": date(2026, 3, 1), "at": time(15)})

    after, change = settle(FILLER.fill(context(), message, NOW))

    assert after.slots == {"service": "sales", "at": time(15)}
    assert change.filled == {"service": "sales", "at": time(15)}
    assert [(refused.slot, refused.reason) for refused in change.rejected] == [("day", "that day has passed")]


def test_what_understanding_refused_is_passed_on_and_nothing_is_stored_raw() -> None:
    refused = Rejection(slot="day", reason="there is no such day", raw="30 February")

    after, change = settle(FILLER.fill(context(), understood(rejected=(refused,)), NOW))

    assert not after.slots
    assert change.rejected == (refused,)


def test_the_words_of_a_refused_sensitive_slot_are_not_kept() -> None:
    refused = Rejection(slot="pin", reason="four digits", raw="12x4")

    _, change = settle(FILLER.fill(context(), understood(rejected=(refused,)), NOW))

    assert change.rejected[0].raw == ""


def test_a_value_that_is_known_already_changes_nothing() -> None:
    before = context(slots={"service": "sales"})

    after, change = settle(FILLER.fill(before, understood(gives={"service": "sales"}), NOW))

    assert after is before
    assert not change


@pytest.mark.parametrize(
    ("requested", "answer", "correction", "cleared"),
    [
        ("", None, False, ("service",)),
        ("", Answer.NO, False, ("service",)),
        ("", Answer.YES, False, ()),
        ("day", None, False, ()),
        ("day", None, True, ("service",)),
    ],
)
def test_a_slot_that_is_named_without_a_value_is_taken_back_unless_something_else_was_asked(
    requested: str, answer: Answer | None, correction: bool, cleared: tuple[str, ...]
) -> None:
    before = context(slots={"service": "sales"}, requested_slot=requested)
    message = understood(mentioned=frozenset({"service"}), answer=answer, correction=correction)

    after, change = settle(FILLER.fill(before, message, NOW))

    assert change.cleared == cleared
    assert after.has_slot("service") is not bool(cleared)


def test_a_form_is_filled_in_any_order_until_no_required_slot_is_missing() -> None:
    before = context()
    assert FORM.missing(before) == ("service", "day", "at")

    later, _ = settle(FILLER.fill(before, understood(gives={"at": time(9)}), NOW))
    assert FORM.filled(later) == {"at": time(9)}
    assert not FORM.complete(later)

    full, _ = settle(FILLER.fill(later, understood(gives={"day": date(2026, 3, 5), "service": "sales"}), NOW))
    assert FORM.complete(full)
    assert FORM.missing(full) == ()
    assert FORM.next_prompt(full) == ""


@pytest.mark.parametrize(
    ("attempts", "prompt"),
    [(0, "Which service?"), (1, "Please choose."), (2, "One of: sales, support."), (9, "One of: sales, support.")],
)
def test_the_first_missing_slot_is_asked_for_by_attempt(attempts: int, prompt: str) -> None:
    assert FORM.next_prompt(context(), attempts=attempts) == prompt


def test_a_slot_without_a_prompt_is_asked_for_by_name() -> None:
    assert FILLER.next_prompt("at") == "What is the at?"


def evening(value: SlotValue, known: ValidationScope) -> str | None:
    assert isinstance(value, time)
    return None if value >= time(18) or known.slots.get("day") == date(2026, 3, 7) else "in the evening only"


TABLE = SlotFiller(
    [
        SlotDefinition(name="day", type=SlotType.DATE),
        SlotDefinition(name="at", type=SlotType.TIME, validators=(evening,)),
    ]
)


def at_eight() -> Candidate:
    return Candidate(value=time(8), raw="8", others=(time(20),))


def test_of_what_words_may_mean_the_rules_choose() -> None:
    after, change = settle(TABLE.fill(context(), Understanding(message="…", slots={"at": at_eight()}), NOW))

    assert after.slots == {"at": time(20)}
    assert not change.rejected


def test_words_of_which_no_meaning_is_taken_are_refused_for_the_first() -> None:
    candidate = Candidate(value=time(3), raw="3", others=(time(15),))

    _, change = settle(TABLE.fill(context(), Understanding(message="…", slots={"at": candidate}), NOW))

    assert [(refused.reason, refused.raw) for refused in change.rejected] == [("in the evening only", "3")]


def test_words_that_may_mean_what_is_known_change_nothing() -> None:
    before = context(slots={"at": time(20)})

    after, _ = settle(TABLE.fill(before, Understanding(message="…", slots={"at": at_eight()}), NOW))

    assert after is before


def test_a_rule_sees_what_the_message_gives_for_the_slots_defined_before() -> None:
    day = Candidate(value=date(2026, 3, 7), raw="Saturday")

    after, _ = settle(TABLE.fill(context(), Understanding(message="…", slots={"at": at_eight(), "day": day}), NOW))

    assert after.slots == {"day": date(2026, 3, 7), "at": time(8)}
