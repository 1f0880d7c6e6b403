"""What a definition can make of slots, commands and intents, each ability by a small definition of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.conversations import Talk, understood
from support.orders import HI, NO, ORDER, YES, command, intent, with_slot
from support.servers import definition

from parley_server.assistants.loading import load_assistant
from parley_server.core.slots import Rejection
from parley_server.core.understanding import Answer, Understanding

Begin = Callable[[str], Talk]


# Forms.


def test_a_slot_is_asked_for_only_while_its_rule_holds(begin: Begin) -> None:
    text = with_slot("color", 'required: "has(slots.size) && slots.size > 1"')

    assert begin(text).say(understood(gives={"size": 2})).reply == "Which color?"
    assert begin(text).say(understood(gives={"size": 1})).reply == "Done."


def test_an_optional_slot_takes_its_default_when_the_form_is_complete(begin: Begin) -> None:
    talk = begin(with_slot("color", "required: false, default: red"))

    talk.say(understood(gives={"size": 2}))

    assert talk.context.slots == {"size": 2, "color": "red"}


def test_what_the_caller_knows_is_asked_first_where_the_author_wants_that(begin: Begin, tmp_path: Path) -> None:
    text = with_slot("color", 'ask_first: "Still {{ slots.color }}?"')
    talk = Talk(load_assistant(definition(tmp_path, "assistant: test\n" + text)))

    assert talk.say(HI, given={"color": "red"}).reply == "Still red?"
    assert talk.situations[-1].confirming is False
    assert talk.say(NO).reply == "Which size?"
    assert talk.say(understood(gives={"size": 1})).reply == "Which color?"


def test_a_single_slot_is_confirmed_before_the_form_goes_on(begin: Begin) -> None:
    talk = begin(with_slot("size", 'confirm: "Size {{ slots.size }}, right?"'))

    assert talk.say(understood(gives={"size": 2})).reply == "Size 2, right?"
    assert talk.say(understood(gives={"size": 3}, answer=Answer.NO)).reply == "Size 3, right?"
    assert talk.situations[-1].confirming
    assert talk.say(YES).reply == "Which color?"


def test_a_single_slot_that_is_denied_is_asked_for_again(begin: Begin) -> None:
    talk = begin(with_slot("size", "confirm: true"))

    assert talk.say(understood(gives={"size": 2})).reply == "The size is 2, is that right?"
    assert talk.say(NO).reply == "Which size?"
    assert not talk.context.slots


def test_a_slot_is_kept_or_forgotten_when_its_flow_ends(begin: Begin) -> None:
    talk = begin(with_slot("size", "keep: false"))

    talk.say(understood(gives={"size": 2, "color": "red"}))

    assert talk.context.slots == {"color": "red"}


def test_what_depends_on_a_changed_slot_is_asked_for_again(begin: Begin) -> None:
    talk = begin(
        with_slot("color", "depends_on: [size]").replace("next: done", "next: sure")
        + "      sure: {say: 'Sure?', on: [{when: change, to: ask}, {when: confirm, to: done}]}\n"
    )
    talk.say(understood(gives={"size": 2, "color": "red"}))

    decision = talk.say(understood(gives={"size": 3}, correction=True))

    assert decision.reply == "Which color?"
    assert decision.slots_changed.cleared == ("color",)


def test_nothing_that_a_user_says_touches_an_internal_slot(begin: Begin) -> None:
    talk = begin(ORDER.replace("slots:", "slots:\n  sum: {type: integer, internal: true, default: 3}", 1))

    talk.say(HI, given={"sum": 5})
    assert "sum" not in talk.situations[-1].slots
    assert talk.say(understood(gives={"size": 2})).context.get_slot("sum") == 5


# Attempts.


def test_a_slot_is_asked_for_by_the_number_of_the_attempt_and_by_what_went_wrong(begin: Begin) -> None:
    talk = begin(
        ORDER.replace(
            'reprompt: ["A number, please.", "1, 2 or 3?"]', "reprompt: {no_match: [N1, N2], invalid: [V1, V2]}"
        )
    )
    bad = understood(rejected=(Rejection(slot="size", reason="Too big.", raw="9"),))

    assert talk.say(understood("?")).reply == "Sorry, I did not understand that. N1"
    assert talk.say(bad).reply == "Too big. V2"
    assert talk.say(understood("?")).reply == "Sorry, I did not understand that. N2"


@pytest.mark.parametrize(
    ("then", "reply", "slots"),
    [
        ("skip", "All right. Which color?", {}),
        ("default, default: 7", "All right. Which color?", {"size": 7}),
        ("cancel", "All right, let us start again. Which size?", {}),
    ],
)
def test_a_slot_that_is_asked_for_in_vain_is_given_up(
    begin: Begin, then: str, reply: str, slots: dict[str, object]
) -> None:
    talk = begin(with_slot("size", f"max_attempts: 2, then: {then}"))
    talk.say(understood("?"))

    assert talk.say(understood("?")).reply == reply
    assert talk.context.slots == slots


def test_a_slot_that_is_asked_for_in_vain_hands_the_conversation_off(begin: Begin) -> None:
    talk = begin(with_slot("size", "max_attempts: 1, then: handoff"))

    assert talk.say(understood("?")).reply.endswith("I hand you over to a colleague.")
    assert talk.context.handoff
    assert talk.context.handoff.reason == "no value for size"


# Commands.


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("cancel", "All right, let us start again. Which size?"),
        ("restart", "All right, let us start again. Which size?"),
        ("repeat", "Which size?"),
        ("skip", "I am afraid that I need it. Which size?"),
        ("help", 'You can answer the question, or say "repeat", "restart" or "cancel". Which size?'),
        ("who", "I am an automated assistant. Which size?"),
        ("thanks", "You are welcome. Which size?"),
    ],
)
def test_every_assistant_knows_the_commands(begin: Begin, name: str, reply: str) -> None:
    talk = begin(ORDER)
    talk.say(understood(gives={"color": "red"}))

    assert talk.say(command(name)).reply == reply
    assert talk.context.attempts == 0


@pytest.mark.parametrize("keys", ["max_attempts: 3, then: skip", "default: 7"])
def test_a_slot_that_may_be_missing_is_skipped(begin: Begin, keys: str) -> None:
    assert begin(with_slot("size", keys)).say(command("skip")).reply == "All right. Which color?"


def test_an_author_replaces_a_command_by_an_intent_of_its_name_and_its_text(begin: Begin) -> None:
    talk = begin(ORDER + "intents:\n  who: {say: I am Max.}\ntexts: {thanks: Any time!}\n")

    assert talk.say(command("who")).reply == "I am Max. Which size?"
    assert talk.say(command("thanks")).reply == "Any time! Which size?"


# Digressions and clarification.

HOURS = """
intents:
  hours: {examples: [when are you open], call: hours}
  place: {examples: [where are you], say: "In Bonn.", label: where we are}
  other: {examples: [something else]}
sub_conversations:
  hours: {states: {answer: {say: "Nine to five."}}}
"""


def test_a_digression_is_forbidden_where_the_author_says_so(begin: Begin) -> None:
    talk = begin(ORDER.replace("ask: {", "ask: {digress: forbid, ") + HOURS)

    assert talk.say(intent("hours")).reply == "Sorry, I did not understand that. A number, please."


@pytest.mark.parametrize(("answer", "reply"), [(YES, "Nine to five. Which size?"), (NO, "Which size?")])
def test_a_digression_is_asked_for_where_the_author_says_so(begin: Begin, answer: Understanding, reply: str) -> None:
    talk = begin(ORDER.replace("ask: {", "ask: {digress: ask, ") + HOURS)

    assert talk.say(intent("hours")).reply == "Shall we leave this for now?"
    assert talk.say(answer).reply == reply
    assert talk.situations[-1].confirming


def test_two_readings_close_together_are_asked_about(begin: Begin) -> None:
    talk = begin(ORDER + HOURS)

    assert talk.say(intent("hours", "place", "other")).reply == "Did you mean: hours or where we are?"

    def choose_the_second(situation: Any) -> Understanding:
        definition = situation.slots[situation.requested]
        return understood(gives={situation.requested: definition.choices[1].name})

    assert talk.say(choose_the_second).reply == "In Bonn. Which size?"


def test_at_most_five_readings_are_asked_about(begin: Begin) -> None:
    talk = begin(ORDER + "intents: {" + ", ".join(f"i{n}: {{examples: [e{n}], say: S{n}}}" for n in range(9)) + "}\n")

    assert talk.say(intent(*(f"i{n}" for n in range(9)))).reply == "Did you mean: i0, i1, i2, i3 or i4?"


def test_a_message_that_answers_no_clarification_is_taken_as_it_is(begin: Begin) -> None:
    talk = begin(ORDER + HOURS)
    talk.say(intent("hours", "place"))

    assert talk.say(understood(gives={"size": 1})).reply == "Which color?"
