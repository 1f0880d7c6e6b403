"""How people talk: whole turns of the examples, as the rules understand them."""

from collections.abc import Sequence
from datetime import date, time
from functools import partial
from pathlib import Path

import pytest
from support.conversations import NOW, Talk

from parley_server.assistants.loading import load_assistant
from parley_server.core.slots import SlotValue
from parley_server.nlu.rules import RulesUnderstander

EXAMPLES = Path(__file__).parents[3] / "examples"
ASSISTANTS = {
    name: load_assistant(EXAMPLES / f"{name}.yaml") for name in ("booking", "restaurant", "support", "transfer")
}
RULES = RulesUnderstander()

GUESTS = ("hello",)
DAY = (*GUESTS, "2 people")
TIME = (*DAY, "friday")
NAME = (*TIME, "8")
WISHES = (*NAME, "Lee", "212 555 0123", "yes")
TABLE = (*WISHES, "no")
FAMILY = (*GUESTS, "4 people", "2", "1", "friday", "8", "Lee", "212 555 0123", "yes", "no")
BOOKED = ("hi", "sales", "monday", "3pm", "Ann Lee", "ann@example.org")
FAULT = ("my internet is down", "C-123456")
IBAN = ("hi", "current", "Ann Lee")
AMOUNT = (*IBAN, "DE89370400440532013000", "yes")
SENDING = (*AMOUNT, "50", "skip")


def march(day: int) -> date:
    return date(2026, 3, day)


def talk_after(assistant: str, before: Sequence[str]) -> Talk:
    talk = Talk(ASSISTANTS[assistant])
    for message in before:
        talk.say(partial(RULES.read, message))
    return talk


def test_the_day_of_the_tests_is_a_wednesday() -> None:
    assert NOW.date() == march(4)


@pytest.mark.parametrize(
    ("assistant", "before", "message", "expected"),
    [
        # The form's own slots come first, and each thing is counted for itself.
        ("restaurant", GUESTS, "4 people, 2 of them children", {"guests": 4, "children": 2}),
        ("restaurant", GUESTS, "we're 5, two kids and a baby", {"guests": 5, "children": 2}),
        ("restaurant", GUESTS, "me and my wife plus 3 kids", {"guests": 5, "children": 3}),
        ("restaurant", GUESTS, "six... no wait, make that seven", {"guests": 7}),
        ("restaurant", GUESTS, "not sure, maybe 4", {"guests": 4}),
        ("restaurant", FAMILY, "one more person", {"guests": 5}),
        ("restaurant", FAMILY, "actually 3 kids", {"children": 3}),
        ("restaurant", FAMILY, "no high chair needed", {"high_chairs": 0}),
        ("restaurant", FAMILY, "almost: 5 people, not 4", {"guests": 5}),
        # A day or a time is what the slot's rules allow.
        ("restaurant", DAY, "wensday at 8", {"date": march(11), "time": time(20)}),
        ("restaurant", DAY, "sunday at 1", {"date": march(8), "time": time(13)}),
        ("restaurant", TIME, "quarter to nine", {"time": time(20, 45)}),
        ("restaurant", TIME, "8ish", {"time": time(20)}),
        ("restaurant", TIME, "six pm no wait seven", {"time": time(19)}),
        ("support", (*FAULT,), "since Monday", {"since": march(2)}),
        ("support", (*FAULT,), "for 3 days", {"since": march(1)}),
        # A change counts from what is known.
        ("restaurant", TABLE, "half an hour later please", {"time": time(20, 30)}),
        ("booking", BOOKED, "move it a week later", {"date": march(16)}),
        ("booking", BOOKED, "yes but make it 4", {"time": time(16)}),
        ("booking", BOOKED, "same time on tuesday", {"date": march(10)}),
        ("transfer", SENDING, "60 instead of 50", {"amount": 60.0}),
        ("transfer", AMOUNT, "50 bucks, no wait, 60", {"amount": 60.0}),
        ("transfer", AMOUNT, "1.000,50", {"amount": 1000.5}),
        # What is said beside the answer is no part of it.
        ("restaurant", NAME, "it's Lee, my number is 212 555 0123", {"name": "Lee", "phone": "+12125550123"}),
        ("restaurant", NAME, "Lee and we need a high chair", {"name": "Lee"}),
        ("restaurant", NAME, "outside please", {"seating": "outside"}),
        ("restaurant", WISHES, "my son is vegan", {"wishes": "my son is vegan"}),
        ("transfer", IBAN, "no wait, from savings", {"account": "savings"}),
        ("support", (), "my internet is down since yesterday", {"device": "router", "since": march(3)}),
    ],
)
def test_a_message_says_what_people_mean_by_it(
    assistant: str, before: Sequence[str], message: str, expected: dict[str, SlotValue]
) -> None:
    talk = talk_after(assistant, before)

    talk.say(partial(RULES.read, message))

    assert {name: talk.context.get_slot(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("assistant", "before", "message"),
    [
        ("restaurant", GUESTS, "6-8 people"),
        ("restaurant", GUESTS, "around 6 or 7"),
        ("restaurant", GUESTS, "1e999 people"),
        ("restaurant", DAY, "this weekend"),
        ("restaurant", TIME, "between 7 and 8"),
        ("restaurant", FAMILY, "that's one too many"),
        ("booking", BOOKED[:4], "the same as last time"),
        ("booking", BOOKED[:4], "why do you need that?"),
        ("transfer", AMOUNT, "one fifty"),
    ],
)
def test_a_message_that_leaves_its_value_open_fills_nothing(
    assistant: str, before: Sequence[str], message: str
) -> None:
    talk = talk_after(assistant, before)
    known = dict(talk.context.slots)

    talk.say(partial(RULES.read, message))

    assert dict(talk.context.slots) == known


def test_a_yes_that_changes_something_confirms_nothing() -> None:
    talk = talk_after("booking", BOOKED)

    decision = talk.say(partial(RULES.read, "yes but make it 4"))

    assert "16:00" in decision.reply
    assert "Shall I book it?" in decision.reply


def test_an_example_of_an_intent_is_known_within_a_longer_message() -> None:
    talk = talk_after("support", ())

    decision = talk.say(partial(RULES.read, "C-123456 my internet is down since tuesday, already restarted it"))

    assert decision.intent == "fault"
    assert talk.context.get_slot("restarted") is True
